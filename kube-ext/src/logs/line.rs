//! A line of a container's log, and whose it is.

use std::{collections::BTreeMap, fmt, ops::Range, sync::Arc};

use chrono::{DateTime, Utc};

use crate::pod::ContainerKind;

/// A container whose log is read, from one start of it to its end: a container that is started again is another source.
///
/// ```
/// fn title(source: &kube_ext::logs::Source) -> String {
///     format!("{}/{} {}", source.namespace, source.pod, source.container)
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Source {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub pod: String,
    /// The pod's uid.
    pub uid: String,
    /// The pod's labels.
    pub labels: BTreeMap<String, String>,
    /// The pod's annotations.
    pub annotations: BTreeMap<String, String>,
    /// The node that it runs on; empty if it is not known.
    pub node: String,
    /// The container's name.
    pub container: String,
    /// What it is in its pod.
    pub kind: ContainerKind,
    /// The runtime's id, as `containerd://1a2b..`; empty if the pod's status has none.
    pub container_id: String,
    /// How often it had been started before.
    pub restarts: i32,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pod {}/{} container {}", self.namespace, self.pod, self.container)
    }
}

/// Which part of a line it is: lines above [`Tail::max_line`](crate::logs::Tail::max_line) come in parts.
///
/// ```
/// use kube_ext::logs::{LogLine, Part};
///
/// fn is_complete(line: &LogLine) -> bool {
///     line.part() == Part::Whole
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Part {
    /// All of it.
    Whole,
    /// Its beginning; more comes.
    First,
    /// More of it, and more comes.
    Middle,
    /// Its end.
    Last,
}

impl Part {
    pub(super) fn new(begins: bool, ends: bool) -> Self {
        match (begins, ends) {
            (true, true) => Self::Whole,
            (true, false) => Self::First,
            (false, false) => Self::Middle,
            (false, true) => Self::Last,
        }
    }

    /// Whether a line begins with it.
    ///
    /// ```
    /// assert!(kube_ext::logs::Part::Whole.begins());
    /// ```
    pub fn begins(self) -> bool {
        matches!(self, Self::Whole | Self::First)
    }

    /// Whether a line ends with it.
    ///
    /// ```
    /// assert!(!kube_ext::logs::Part::First.ends());
    /// ```
    pub fn ends(self) -> bool {
        matches!(self, Self::Whole | Self::Last)
    }
}

/// A line of a container's log, or a [part](Self::part) of a very long one.
///
/// Its bytes are those that the container wrote: any, not only UTF-8. A line that is kept keeps alive those that came together
/// with it, tens of KiB; to keep few lines for long, copy their bytes.
///
/// ```
/// fn show(line: &kube_ext::logs::LogLine) {
///     println!("{} {}: {}", line.timestamp(), line.pod(), line.text());
/// }
/// ```
#[derive(Clone)]
pub struct LogLine {
    text: Arc<Text>,
    /// Where it is there, with the time as the server sent it and a space, where the line begins.
    start: usize,
    end: usize,
    timestamp: DateTime<Utc>,
    /// How much of it that is.
    stamp: u8,
    part: Part,
}

/// Lines of a log that came together.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) source: Arc<Source>,
    pub(super) bytes: Vec<u8>,
}

impl LogLine {
    pub(super) fn new(
        text: Arc<Text>,
        place: Range<usize>,
        timestamp: DateTime<Utc>,
        stamp: u8,
        part: Part,
    ) -> Self {
        Self { text, start: place.start, end: place.end, timestamp, stamp, part }
    }

    fn raw(&self) -> &[u8] {
        self.text.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// Whose line it is.
    ///
    /// ```
    /// fn restarts(line: &kube_ext::logs::LogLine) -> i32 {
    ///     line.source().restarts
    /// }
    /// ```
    pub fn source(&self) -> &Arc<Source> {
        &self.text.source
    }

    /// The pod's namespace.
    ///
    /// ```
    /// fn is_of_the_system(line: &kube_ext::logs::LogLine) -> bool {
    ///     line.namespace() == "kube-system"
    /// }
    /// ```
    pub fn namespace(&self) -> &str {
        &self.text.source.namespace
    }

    /// The pod's name.
    ///
    /// ```
    /// fn is_of_web(line: &kube_ext::logs::LogLine) -> bool {
    ///     line.pod().starts_with("web-")
    /// }
    /// ```
    pub fn pod(&self) -> &str {
        &self.text.source.pod
    }

    /// The container's name.
    ///
    /// ```
    /// fn is_of_the_proxy(line: &kube_ext::logs::LogLine) -> bool {
    ///     line.container() == "proxy"
    /// }
    /// ```
    pub fn container(&self) -> &str {
        &self.text.source.container
    }

    /// The node that the pod runs on; empty if it is not known.
    ///
    /// ```
    /// fn is_of(line: &kube_ext::logs::LogLine, node: &str) -> bool {
    ///     line.node() == node
    /// }
    /// ```
    pub fn node(&self) -> &str {
        &self.text.source.node
    }

    /// When the container's runtime took the line, to the nanosecond, by the node's clock.
    ///
    /// ```
    /// fn is_late(line: &kube_ext::logs::LogLine, end: chrono::DateTime<chrono::Utc>) -> bool {
    ///     line.timestamp() > end
    /// }
    /// ```
    pub fn timestamp(&self) -> DateTime<Utc> {
        self.timestamp
    }

    /// What was written, without the newline.
    ///
    /// ```
    /// fn is_error(line: &kube_ext::logs::LogLine) -> bool {
    ///     line.bytes().starts_with(b"ERROR ")
    /// }
    /// ```
    pub fn bytes(&self) -> &[u8] {
        self.raw().get(usize::from(self.stamp)..).unwrap_or_default()
    }

    /// The same, as text: what is not UTF-8 becomes U+FFFD.
    ///
    /// ```
    /// fn has_word(line: &kube_ext::logs::LogLine, word: &str) -> bool {
    ///     line.text().contains(word)
    /// }
    /// ```
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(self.bytes())
    }

    /// Which part of the line it is.
    ///
    /// ```
    /// fn ends(line: &kube_ext::logs::LogLine) -> bool {
    ///     line.part().ends()
    /// }
    /// ```
    pub fn part(&self) -> Part {
        self.part
    }

    /// The time in the server's own digits and zone, with a space; empty where the line does not begin.
    pub(super) fn stamp(&self) -> &[u8] {
        self.raw().get(..usize::from(self.stamp)).unwrap_or_default()
    }
}

impl PartialEq for LogLine {
    fn eq(&self, other: &Self) -> bool {
        let place = |line: &Self| (line.timestamp, line.stamp, line.part);
        place(self) == place(other) && self.raw() == other.raw() && self.source() == other.source()
    }
}

impl Eq for LogLine {}

impl fmt::Debug for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogLine")
            .field("source", &self.source())
            .field("timestamp", &self.timestamp)
            .field("bytes", &self.bytes().escape_ascii().to_string())
            .field("part", &self.part)
            .finish_non_exhaustive()
    }
}
