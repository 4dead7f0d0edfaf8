//! What is to be read: [`Tail`].

use std::{collections::BTreeSet, time::Duration};

use chrono::{DateTime, Utc};

use crate::pod::{ContainerKind, State};

/// How long a line may be before it comes in parts, unless told otherwise.
const MAX_LINE: usize = 1024 * 1024;
/// How many logs are read at once, unless told otherwise: as many as stern.
const MAX_STREAMS: usize = 50;
/// After how long without a byte the connection of a log is made anew, unless told otherwise.
const SILENCE: Duration = Duration::from_secs(300);

/// Which logs are to be read, from where, and how: what [`LogExt::tail`](crate::logs::LogExt::tail) takes.
///
/// Without anything said it is all that all containers of all pods have in their logs now. What is said about pods and
/// containers must all hold.
///
/// ```
/// use std::time::Duration;
/// use kube_ext::logs::Tail;
///
/// let tail = Tail::new().labels("app=web").follow().since(Duration::from_secs(600)).exclude_containers("^istio-");
/// ```
#[derive(Clone, Debug)]
#[must_use = "it does nothing until logs are read with it"]
pub struct Tail {
    pub(super) names: BTreeSet<String>,
    pub(super) workload: Option<String>,
    pub(super) labels: Vec<String>,
    pub(super) fields: Vec<String>,
    pub(super) pods: Vec<String>,
    pub(super) exclude_pods: Vec<String>,
    pub(super) container: Option<String>,
    pub(super) containers: Vec<String>,
    pub(super) exclude_containers: Vec<String>,
    pub(super) without: Vec<ContainerKind>,
    pub(super) states: Vec<State>,
    pub(super) follow: bool,
    pub(super) previous: bool,
    pub(super) since: Option<Since>,
    pub(super) lines: Option<u64>,
    pub(super) limit_bytes: Option<u64>,
    pub(super) max_line: usize,
    pub(super) max_streams: usize,
    pub(super) silence: Duration,
    pub(super) backoff: (Duration, Duration),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Since {
    Ago(Duration),
    Time(DateTime<Utc>),
}

impl Default for Tail {
    fn default() -> Self {
        Self {
            names: BTreeSet::new(),
            workload: None,
            labels: Vec::new(),
            fields: Vec::new(),
            pods: Vec::new(),
            exclude_pods: Vec::new(),
            container: None,
            containers: Vec::new(),
            exclude_containers: Vec::new(),
            without: Vec::new(),
            states: Vec::new(),
            follow: false,
            previous: false,
            since: None,
            lines: None,
            limit_bytes: None,
            max_line: MAX_LINE,
            max_streams: MAX_STREAMS,
            silence: SILENCE,
            backoff: (Duration::from_millis(200), Duration::from_secs(30)),
        }
    }
}

impl Tail {
    /// Everything: to be narrowed.
    ///
    /// ```
    /// let all = kube_ext::logs::Tail::new();
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// The pod of this name; said again, also that one. That it is not there is an error, unless the logs are followed: then it
    /// is waited for.
    ///
    /// ```
    /// let tail = kube_ext::logs::Tail::new().pod("web-0").pod("web-1");
    /// ```
    pub fn pod(mut self, name: impl Into<String>) -> Self {
        self.names.insert(name.into());
        self
    }

    /// The pods of a workload, as `TYPE/NAME`: `deploy/web`, `job/migrate`, `svc/web`. Like `kubectl logs`, it reads the object
    /// once and takes its selector: of a `Deployment`, `ReplicaSet`, `StatefulSet`, `DaemonSet`,
    /// `ReplicationController`, `Job` or `Service`; `pod/web-0` is a [`pod`](Self::pod). It needs an `Api` of one namespace.
    ///
    /// ```
    /// let tail = kube_ext::logs::Tail::new().workload("deploy/web");
    /// ```
    pub fn workload(mut self, workload: impl Into<String>) -> Self {
        self.workload = Some(workload.into());
        self
    }

    /// Pods with these labels: a label selector, as for `kubectl -l`.
    ///
    /// ```
    /// let tail = kube_ext::logs::Tail::new().labels("app=web,tier!=cache");
    /// ```
    pub fn labels(mut self, selector: impl Into<String>) -> Self {
        self.labels.push(selector.into());
        self
    }

    /// Pods with these fields: a field selector, as for `kubectl --field-selector`.
    ///
    /// ```
    /// let tail = kube_ext::logs::Tail::new().fields("spec.nodeName=node-1");
    /// ```
    pub fn fields(mut self, selector: impl Into<String>) -> Self {
        self.fields.push(selector.into());
        self
    }

    /// Pods in whose name this regular expression is found; said again, or this one.
    ///
    /// ```
    /// let tail = kube_ext::logs::Tail::new().pods("^web-[0-9]+$");
    /// ```
    pub fn pods(mut self, pattern: impl Into<String>) -> Self {
        self.pods.push(pattern.into());
        self
    }

    /// No pod in whose name this regular expression is found.
    ///
    /// ```
    /// let tail = kube_ext::logs::Tail::new().exclude_pods("canary");
    /// ```
    pub fn exclude_pods(mut self, pattern: impl Into<String>) -> Self {
        self.exclude_pods.push(pattern.into());
        self
    }

    /// The container of this name.
    ///
    /// ```
    /// let tail = kube_ext::logs::Tail::new().container("app");
    /// ```
    pub fn container(mut self, name: impl Into<String>) -> Self {
        self.container = Some(name.into());
        self
    }

    /// Containers in whose name this regular expression is found; said again, or this one.
    ///
    /// ```
    /// let tail = kube_ext::logs::Tail::new().containers("^(app|proxy)$");
    /// ```
    pub fn containers(mut self, pattern: impl Into<String>) -> Self {
        self.containers.push(pattern.into());
        self
    }

    /// No container in whose name this regular expression is found.
    ///
    /// ```
    /// let tail = kube_ext::logs::Tail::new().exclude_containers("^istio-");
    /// ```
    pub fn exclude_containers(mut self, pattern: impl Into<String>) -> Self {
        self.exclude_containers.push(pattern.into());
        self
    }

    /// No containers of this kind: all kinds are read unless told otherwise.
    ///
    /// ```
    /// use kube_ext::{logs::Tail, pod::ContainerKind};
    ///
    /// let tail = Tail::new().without(ContainerKind::Init).without(ContainerKind::Ephemeral);
    /// ```
    pub fn without(mut self, kind: ContainerKind) -> Self {
        self.without.push(kind);
        self
    }

    /// Containers that are in this state when they are first seen; said again, or in this one. Like stern, it does not look at a
    /// container that comes while logs are followed.
    ///
    /// ```
    /// use kube_ext::{logs::Tail, pod::State};
    ///
    /// let tail = Tail::new().state(State::Terminated);
    /// ```
    pub fn state(mut self, state: State) -> Self {
        self.states.push(state);
        self
    }

    /// Goes on with what is written from now on: new pods and containers that are started again join, others end; the stream
    /// ends only when it is dropped, or with an error.
    ///
    /// ```
    /// let tail = kube_ext::logs::Tail::new().labels("app=web").follow();
    /// ```
    pub fn follow(mut self) -> Self {
        self.follow = true;
        self
    }

    /// Reads the log of the container as it was before it was started again last, as `kubectl logs --previous`. There is nothing to
    /// follow then.
    ///
    /// ```
    /// let tail = kube_ext::logs::Tail::new().pod("web-0").previous();
    /// ```
    pub fn previous(mut self) -> Self {
        self.previous = true;
        self
    }

    /// Only what is not older than this, by the node's clock, rounded to whole seconds and at least one.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let tail = kube_ext::logs::Tail::new().since(Duration::from_secs(3600));
    /// ```
    pub fn since(mut self, ago: Duration) -> Self {
        self.since = Some(Since::Ago(ago));
        self
    }

    /// Only what was written at this time or later. The server takes whole seconds: lines of the second count, as with
    /// `kubectl logs --since-time`.
    ///
    /// ```
    /// let tail = kube_ext::logs::Tail::new().since_time("2026-07-22T12:00:00Z".parse()?);
    /// # Ok::<(), chrono::ParseError>(())
    /// ```
    pub fn since_time(mut self, time: DateTime<Utc>) -> Self {
        self.since = Some(Since::Time(time));
        self
    }

    /// Only the last lines of each container, so many. Of those that come while logs are followed, all lines are read.
    ///
    /// ```
    /// let tail = kube_ext::logs::Tail::new().tail_lines(10).follow();
    /// ```
    pub fn tail_lines(mut self, lines: u64) -> Self {
        self.lines = Some(lines);
        self
    }

    /// At most so many bytes of each container, newlines included; then it ends. A start of the container counts for itself.
    ///
    /// ```
    /// let tail = kube_ext::logs::Tail::new().limit_bytes(1024 * 1024);
    /// ```
    pub fn limit_bytes(mut self, bytes: u64) -> Self {
        self.limit_bytes = Some(bytes);
        self
    }

    /// How many bytes a line may have, with its time, before it comes in [parts](crate::logs::Part): 1 MiB unless told otherwise.
    /// A few times that much is held of each log that has such lines.
    ///
    /// ```
    /// let tail = kube_ext::logs::Tail::new().max_line(64 * 1024);
    /// ```
    pub fn max_line(mut self, bytes: usize) -> Self {
        // The time must be in the first part.
        self.max_line = bytes.max(64);
        self
    }

    /// How many logs are read at once, each on a connection of its own: 50 unless told otherwise. The others wait until one
    /// has ended.
    ///
    /// ```
    /// let tail = kube_ext::logs::Tail::new().max_streams(200);
    /// ```
    pub fn max_streams(mut self, streams: usize) -> Self {
        self.max_streams = streams.max(1);
        self
    }

    /// After how long without a byte the connection of a log is taken for dead, and made anew: 5 minutes unless told otherwise,
    /// and never more than one minute before the server's answer begins. Nothing is lost or doubled by it.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let tail = kube_ext::logs::Tail::new().silence(Duration::from_secs(30));
    /// ```
    pub fn silence(mut self, silence: Duration) -> Self {
        self.silence = silence;
        self
    }

    /// How long to wait before a log is asked for again: from `first`, doubled each time up to `last`, with jitter; from `first`
    /// again as soon as a line has come. 200 ms and 30 s unless told otherwise.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let tail = kube_ext::logs::Tail::new().backoff(Duration::from_millis(50), Duration::from_secs(5));
    /// ```
    pub fn backoff(mut self, first: Duration, last: Duration) -> Self {
        self.backoff = (first, last.max(first));
        self
    }
}
