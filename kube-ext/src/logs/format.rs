//! Lines as `kubectl logs` and stern print them.

use std::io;

use chrono::SecondsFormat;

use super::line::{LogLine, Source};
use crate::yaml::json;

/// How lines are printed.
///
/// ```
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// # use kube_ext::fake::FakeCluster;
/// # let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web-0}, spec: {nodeName: node, containers: [{name: app}]}}";
/// # let cluster = FakeCluster::builder().yaml(pod).start().await?;
/// # cluster.container("default", "web-0", "app").log("listening");
/// # let pods: kube::Api<k8s_openapi::api::core::v1::Pod> = kube::Api::default_namespaced(cluster.client()?);
/// use futures::TryStreamExt;
/// use kube_ext::logs::{Format, LogExt, Tail};
///
/// let format = Format::kubectl().prefix();
/// let mut logs = pods.tail(Tail::new());
/// let mut out = Vec::new();
/// while let Some(event) = logs.try_next().await? {
///     if let Some(line) = event.into_line() {
///         format.append(&line, &mut out);
///     }
/// }
/// assert_eq!(String::from_utf8(out)?, "[pod/web-0/app] listening\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Format {
    style: Style,
    timestamps: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Kubectl { prefix: bool },
    Stern { namespace: bool, colors: bool },
    Json,
}

/// stern's colors, of pods and of containers, as parameters of a terminal's SGR sequence (`stern/color.go`).
const COLORS: [(u8, u8); 6] = [(96, 36), (92, 32), (95, 35), (93, 33), (94, 34), (91, 31)];

impl Format {
    fn new(style: Style) -> Self {
        Self { style, timestamps: false }
    }

    /// As `kubectl logs`: the line.
    ///
    /// ```
    /// let format = kube_ext::logs::Format::kubectl();
    /// ```
    pub fn kubectl() -> Self {
        Self::new(Style::Kubectl { prefix: false })
    }

    /// As stern: pod, container and line.
    ///
    /// ```
    /// let format = kube_ext::logs::Format::stern().colors();
    /// ```
    pub fn stern() -> Self {
        Self::new(Style::Stern { namespace: false, colors: false })
    }

    /// An object of JSON a line, with the keys of `stern -o json`: `message`, `timestamp` with [`timestamps`](Self::timestamps),
    /// `nodeName`, `namespace`, `podName`, `containerName`, `labels`, `annotations`. Bytes that are not UTF-8 become `\ufffd`.
    ///
    /// ```
    /// let format = kube_ext::logs::Format::json();
    /// ```
    pub fn json() -> Self {
        Self::new(Style::Json)
    }

    /// With `[pod/NAME/CONTAINER] ` before each line, as `kubectl logs --prefix`. The other formats name both anyway.
    ///
    /// ```
    /// let format = kube_ext::logs::Format::kubectl().prefix();
    /// ```
    pub fn prefix(mut self) -> Self {
        if let Style::Kubectl { prefix } = &mut self.style {
            *prefix = true;
        }
        self
    }

    /// With the namespace before the pod, as stern where there are several. kubectl never names it, and JSON always.
    ///
    /// ```
    /// let format = kube_ext::logs::Format::stern().namespace();
    /// ```
    pub fn namespace(mut self) -> Self {
        if let Style::Stern { namespace, .. } = &mut self.style {
            *namespace = true;
        }
        self
    }

    /// With the time, as the server sends it: to the nanosecond, in the node's zone.
    ///
    /// ```
    /// let format = kube_ext::logs::Format::kubectl().timestamps();
    /// ```
    pub fn timestamps(mut self) -> Self {
        self.timestamps = true;
        self
    }

    /// With stern's color for the pod, by its name. Only stern's format has colors.
    ///
    /// ```
    /// let format = kube_ext::logs::Format::stern().colors();
    /// ```
    pub fn colors(mut self) -> Self {
        if let Style::Stern { colors, .. } = &mut self.style {
            *colors = true;
        }
        self
    }

    /// Adds a line to a buffer, with a newline if the line ends here. What is more than the line stands where it begins, and a
    /// part of a line in JSON is an object of its own.
    ///
    /// ```
    /// use kube_ext::logs::{Format, LogLine};
    ///
    /// fn text(line: &LogLine) -> Vec<u8> {
    ///     let mut text = Vec::new();
    ///     Format::stern().append(line, &mut text);
    ///     text
    /// }
    /// ```
    pub fn append(self, line: &LogLine, out: &mut Vec<u8>) {
        let part = line.part();
        match self.style {
            Style::Json => return self.append_json(line, out),
            Style::Kubectl { prefix: true } if part.begins() => {
                for text in ["[pod/", line.pod(), "/", line.container(), "] "] {
                    out.extend_from_slice(text.as_bytes());
                }
            }
            Style::Stern { .. } if part.begins() => {
                self.append_names(line.source(), " ", out);
                out.push(b' ');
            }
            Style::Kubectl { .. } | Style::Stern { .. } => {}
        }
        if self.timestamps {
            out.extend_from_slice(line.stamp());
        }
        out.extend_from_slice(line.bytes());
        if part.ends() {
            out.push(b'\n');
        }
    }

    /// Writes a line, as [`append`](Self::append). Lines are many: give it a buffered writer.
    ///
    /// # Errors
    /// Those of the writer.
    ///
    /// ```
    /// use std::io;
    /// use kube_ext::logs::{Format, LogLine};
    ///
    /// fn print(line: &LogLine) -> io::Result<()> {
    ///     Format::kubectl().write(line, &mut io::stdout().lock())
    /// }
    /// ```
    pub fn write(self, line: &LogLine, to: &mut impl io::Write) -> io::Result<()> {
        let mut text = Vec::with_capacity(line.bytes().len() + 128);
        self.append(line, &mut text);
        to.write_all(&text)
    }

    /// Pod and container as stern names them when it begins with a log and ends: `web-0 › app`, with the namespace if that is
    /// asked for.
    ///
    /// ```
    /// use kube_ext::logs::{Event, Format};
    ///
    /// fn tell(event: &Event) {
    ///     if let Event::Started(source) = event {
    ///         eprintln!("+ {}", Format::stern().title(source));
    ///     }
    /// }
    /// ```
    pub fn title(self, source: &Source) -> String {
        let mut out = Vec::new();
        self.append_names(source, " › ", &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    fn append_names(self, source: &Source, between: &str, out: &mut Vec<u8>) {
        let (namespace, has_colors) = match self.style {
            Style::Stern { namespace, colors } => (namespace, colors),
            Style::Kubectl { .. } | Style::Json => (false, false),
        };
        let (of_pod, of_container) = colors(&source.pod);
        let mut append = |name: &str, color: u8, after: &str| {
            if has_colors {
                out.extend_from_slice(format!("\x1b[{color}m{name}\x1b[0m{after}").as_bytes());
            } else {
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(after.as_bytes());
            }
        };
        if namespace {
            append(&source.namespace, of_pod, " ");
        }
        append(&source.pod, of_pod, between);
        append(&source.container, of_container, "");
    }

    /// As Go's `encoding/json` writes stern's `Log`.
    fn append_json(self, line: &LogLine, out: &mut Vec<u8>) {
        let mut text = String::with_capacity(line.bytes().len() + 256);
        text.push_str("{\"message\":\"");
        for chunk in line.bytes().utf8_chunks() {
            json::escape(chunk.valid(), &mut text);
            text.extend(chunk.invalid().iter().map(|_| "\\ufffd"));
        }
        text.push('"');
        if self.timestamps {
            let stamp = String::from_utf8_lossy(line.stamp());
            let time = match stamp.trim_end() {
                // A part of a line that is not its first.
                "" => line.timestamp().to_rfc3339_opts(SecondsFormat::Nanos, true),
                time => time.to_owned(),
            };
            field("timestamp", &time, &mut text);
        }
        let source = line.source();
        field("nodeName", &source.node, &mut text);
        field("namespace", &source.namespace, &mut text);
        field("podName", &source.pod, &mut text);
        field("containerName", &source.container, &mut text);
        for (name, map) in [("labels", &source.labels), ("annotations", &source.annotations)] {
            text.push_str(",\"");
            text.push_str(name);
            // Go's encoder has no empty map for what is not there.
            if map.is_empty() {
                text.push_str("\":null");
                continue;
            }
            text.push_str("\":");
            let mut before = '{';
            for (key, value) in map {
                text.push(before);
                before = ',';
                quoted(key, &mut text);
                text.push(':');
                quoted(value, &mut text);
            }
            text.push('}');
        }
        text.push_str("}\n");
        out.extend_from_slice(text.as_bytes());
    }
}

fn field(name: &str, value: &str, text: &mut String) {
    text.push_str(",\"");
    text.push_str(name);
    text.push_str("\":");
    quoted(value, text);
}

fn quoted(value: &str, text: &mut String) {
    text.push('"');
    json::escape(value, text);
    text.push('"');
}

/// By the FNV-1 hash of a pod's name.
fn colors(pod: &str) -> (u8, u8) {
    let hash =
        pod.bytes().fold(2_166_136_261_u32, |hash, byte| hash.wrapping_mul(16_777_619) ^ u32::from(byte));
    let at = hash as usize % COLORS.len();
    COLORS.get(at).copied().unwrap_or((0, 0))
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use super::*;
    use crate::{
        logs::{Part, line::Text},
        pod::ContainerKind,
    };

    fn line(text: &[u8], part: Part) -> LogLine {
        let source = Source {
            namespace: "shop".into(),
            pod: "web-0".into(),
            uid: String::new(),
            labels: BTreeMap::from([("app".to_owned(), "<web>".to_owned())]),
            annotations: BTreeMap::new(),
            node: "node-1".into(),
            container: "app".into(),
            kind: ContainerKind::Regular,
            container_id: String::new(),
            restarts: 0,
        };
        let (stamp, length) =
            if part.begins() { (&b"2026-07-22T14:00:00.5+02:00 "[..], 28) } else { (&b""[..], 0) };
        let bytes = [stamp, text].concat();
        let place = 0..bytes.len();
        let text = Arc::new(Text { source: Arc::new(source), bytes });
        LogLine::new(text, place, "2026-07-22T12:00:00.5Z".parse().unwrap(), length, part)
    }

    fn text(format: Format, line: &LogLine) -> Vec<u8> {
        let mut out = Vec::new();
        format.append(line, &mut out);
        let mut written = Vec::new();
        format.write(line, &mut written).unwrap();
        assert_eq!(written, out);
        out
    }

    #[test]
    fn as_kubectl() {
        let line = line(b"a\xffb", Part::Whole);
        assert_eq!(text(Format::kubectl(), &line), b"a\xffb\n");
        assert_eq!(text(Format::kubectl().prefix(), &line), b"[pod/web-0/app] a\xffb\n");
        assert_eq!(
            text(Format::kubectl().prefix().timestamps(), &line),
            b"[pod/web-0/app] 2026-07-22T14:00:00.5+02:00 a\xffb\n"
        );
    }

    #[test]
    fn as_stern() {
        let line = line(b"hello", Part::Whole);
        assert_eq!(text(Format::stern(), &line), b"web-0 app hello\n");
        assert_eq!(text(Format::stern().namespace(), &line), b"shop web-0 app hello\n");
        let (pod, container) = colors("web-0");
        let expected = format!("\x1b[{pod}mweb-0\x1b[0m \x1b[{container}mapp\x1b[0m hello\n");
        assert_eq!(text(Format::stern().colors(), &line), expected.as_bytes());
        assert_eq!(Format::stern().namespace().title(line.source()), "shop web-0 › app");
    }

    #[test]
    fn the_hash_is_fnv_1() {
        // Go's hash/fnv New32, by its test vectors.
        let hash = |text: &str| {
            text.bytes().fold(2_166_136_261_u32, |hash, byte| hash.wrapping_mul(16_777_619) ^ u32::from(byte))
        };
        for (text, expected) in
            [("", 0x811c_9dc5), ("a", 0x050c_5d7e), ("ab", 0x7077_2d38), ("abc", 0x439c_2f4b)]
        {
            assert_eq!(hash(text), expected, "{text}");
            assert_eq!(colors(text), COLORS[expected as usize % 6]);
        }
    }

    #[test]
    fn as_json() {
        let line = line(b"\"<\xff\xfe\xe2\x82\xac\xe2\x82>\t", Part::Whole);
        let expected = concat!(
            r#"{"message":"\"\u003c\ufffd\ufffd€\ufffd\ufffd\u003e\t","timestamp":"2026-07-22T14:00:00.5+02:00","nodeName":"node-1","#,
            r#""namespace":"shop","podName":"web-0","containerName":"app","labels":{"app":"\u003cweb\u003e"},"annotations":null}"#,
            "\n"
        );
        assert_eq!(String::from_utf8(text(Format::json().timestamps(), &line)).unwrap(), expected);
        assert!(!String::from_utf8(text(Format::json(), &line)).unwrap().contains("timestamp"));
    }

    #[test]
    fn parts_make_one_line() {
        let parts = [line(b"one ", Part::First), line(b"two ", Part::Middle), line(b"three", Part::Last)];
        let all = |format| parts.iter().flat_map(|part| text(format, part)).collect::<Vec<_>>();
        assert_eq!(all(Format::kubectl().prefix()), b"[pod/web-0/app] one two three\n");
        assert_eq!(
            all(Format::stern().timestamps()),
            b"web-0 app 2026-07-22T14:00:00.5+02:00 one two three\n"
        );
    }
}
