//! Logs of many pods as one stream, and not a line lost or doubled: [`LogExt`] gives `Api<Pod>` and `Client` a
//! [`tail`](LogExt::tail).
//!
//! ```
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! # use kube_ext::fake::FakeCluster;
//! # let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web-0, labels: {app: web}}, spec: {nodeName: node, containers: [{name: app}]}}";
//! # let cluster = FakeCluster::builder().yaml(pod).start().await?;
//! # cluster.container("default", "web-0", "app").log("listening on port 80");
//! # let client = cluster.client()?;
//! use futures::TryStreamExt;
//! use k8s_openapi::api::core::v1::Pod;
//! use kube::Api;
//! use kube_ext::logs::{Event, LogExt, Tail};
//!
//! let pods: Api<Pod> = Api::default_namespaced(client);
//! let mut logs = pods.tail(Tail::new().labels("app=web").follow());
//! # let mut seen = false;
//! while let Some(event) = logs.try_next().await? {
//!     match event {
//!         Event::Line(line) => println!("{} {}: {}", line.pod(), line.container(), line.text()),
//!         Event::Gap(gap) => eprintln!("{}: {gap}", gap.source),
//!         Event::Failed(error) => eprintln!("{error}"),
//!         _ => continue,
//!     }
//! #   seen = true;
//! #   break;
//! }
//! # assert!(seen);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Every line once
//!
//! A log is asked for with times. When a connection ends before the container has, because it was cut, because the node
//! rotated the file, or for no reason at all, the log is asked for again from the last second on, and what was delivered is
//! told from what is new by time, text and number ([`Event::Interrupted`] says so, and nothing else is to be seen of it). What nobody
//! can know is an [`Event::Gap`]: a node serves only the file that it writes to, so that lines are out of reach once that
//! was rotated. Two cases are beyond any client: lines that the node itself leaves out because it rotates faster than it reads, and
//! lines of a pod that was deleted with its logs while the connection was cut.
//!
//! # Bounds
//!
//! A slow reader slows the servers down: no more than three batches of 32 KiB, or of a piece of a line ([`Tail::max_line`], 1 MiB), are read
//! ahead of each log. Besides, there are 8 bytes for each line of the last second, of 131,072 lines at the most.
//!
//! The rules are those of `kubectl logs` (`k8s.io/kubectl/pkg/cmd/logs`) and the kubelet (`k8s.io/cri-client/pkg/logs`). A user needs `get`
//! on `pods/log`, and `get`, `list` and `watch` on `pods`.

mod batch;
mod course;
mod error;
mod event;
mod follower;
mod format;
mod line;
mod merged;
mod parking;
mod position;
mod reader;
mod request;
mod select;
mod split;
mod stream;
mod tail;
mod workload;

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client};

pub use self::{
    error::{Cause, Error},
    event::{Event, Gap, GapReason},
    format::Format,
    line::{LogLine, Part, Source},
    stream::LogStream,
    tail::Tail,
};

mod private {
    pub trait Sealed {}
    impl Sealed for kube::Api<k8s_openapi::api::core::v1::Pod> {}
    impl Sealed for kube::Client {}
}

/// Logs of pods: of a namespace or of all, as the `Api` is; with a `Client`, of all.
///
/// The method is named so as not to get in the way of kube's own `logs`.
///
/// ```
/// use futures::{StreamExt, TryStreamExt};
/// use kube::Client;
/// use kube_ext::logs::{Error, Event, LogExt, Tail};
///
/// async fn errors(client: Client) -> Result<usize, Error> {
///     let lines = client.tail(Tail::new().labels("app=web")).try_filter_map(async |event| Ok(event.into_line()));
///     lines.try_fold(0, async |count, line| Ok(count + usize::from(line.text().contains("ERROR")))).await
/// }
/// ```
pub trait LogExt: private::Sealed {
    /// Reads the logs of containers as one stream: see [`LogStream`].
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube::Api;
    /// use kube_ext::logs::{LogExt, LogStream, Tail};
    ///
    /// fn web(pods: &Api<Pod>) -> LogStream {
    ///     pods.tail(Tail::new().labels("app=web").follow().tail_lines(10))
    /// }
    /// ```
    fn tail(&self, tail: Tail) -> LogStream;
}

impl LogExt for Api<Pod> {
    fn tail(&self, tail: Tail) -> LogStream {
        LogStream::new(self.clone(), tail)
    }
}

impl LogExt for Client {
    fn tail(&self, tail: Tail) -> LogStream {
        LogStream::new(Api::all(self.clone()), tail)
    }
}
