//! The same command in many pods.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use futures::{FutureExt as _, Stream, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};

use super::{command::Command, error::Error, output::Output};

/// How many commands run at once, unless told otherwise.
const CONCURRENCY: usize = 16;

/// Runs a command in many pods, and gives their results as they come, each with its pod.
///
/// `pods` are whatever tells a pod: names, or [`Pod`](k8s_openapi::api::core::v1::Pod)s of several namespaces; `command` makes the
/// command for each. That it fails in one pod is that pod's result, and changes nothing for the others. Up to 16 run at once
/// ([`concurrency`](RunAll::concurrency)); there is a result for each pod, none is left out. No more than one output per
/// running command is held, each bounded by [`max_output`](Command::max_output).
///
/// # Cancel safety
/// The stream can be dropped at any time: commands that run are dropped with it, as [`Command::output`] says, and no more
/// are started. Between two items nothing is lost.
///
/// ```
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// # use kube_ext::fake::FakeCluster;
/// # let pod = |name: &str| format!("{{apiVersion: v1, kind: Pod, metadata: {{name: {name}}}, spec: {{nodeName: node, containers: [{{name: app}}]}}}}");
/// # let cluster = FakeCluster::builder().yaml(format!("{}\n---\n{}", pod("web-0"), pod("web-1"))).start().await?;
/// # for name in ["web-0", "web-1"] {
/// #     cluster.container("default", name, "app").on_command(move |_| (name, "", 0));
/// # }
/// # let pods: kube::Api<k8s_openapi::api::core::v1::Pod> = kube::Api::default_namespaced(cluster.client()?);
/// use futures::StreamExt;
/// use kube_ext::exec::{ExecExt, run_all};
///
/// let mut results = run_all(["web-0", "web-1", "web-2"], |pod| pods.command(*pod, "hostname"));
/// let mut names = Vec::new();
/// while let Some((pod, result)) = results.next().await {
///     match result {
///         Ok(output) => names.push(String::from_utf8(output.stdout)?),
///         Err(error) => assert_eq!((pod, error.to_string().as_str()), (
///             "web-2", r#"exec hostname in pod default/web-2: pods "web-2" not found"#,
///         )),
///     }
/// }
/// names.sort();
/// assert_eq!(names, ["web-0", "web-1"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn run_all<'a, I, F>(pods: I, command: F) -> RunAll<'a, I::Item>
where
    I: IntoIterator<IntoIter: Send + 'a>,
    I::Item: Send + 'a,
    F: FnMut(&I::Item) -> Command + Send + 'a,
{
    let mut command = command;
    let runs = pods.into_iter().map(move |pod| {
        let output = command(&pod).output();
        output.map(|result| (pod, result)).boxed()
    });
    RunAll { waiting: Box::new(runs.fuse()), running: FuturesUnordered::new(), concurrency: CONCURRENCY }
}

/// Results of a command in many pods, as they come: see [`run_all`].
///
/// ```
/// use futures::StreamExt;
///
/// async fn failures(results: kube_ext::exec::RunAll<'_, String>) -> Vec<String> {
///     let failed = results.filter_map(async |(pod, result)| result.is_err().then_some(pod));
///     failed.collect().await
/// }
/// ```
#[must_use = "nothing runs until the stream is polled"]
pub struct RunAll<'a, P> {
    waiting: Box<dyn Iterator<Item = BoxFuture<'a, Item<P>>> + Send + 'a>,
    running: FuturesUnordered<BoxFuture<'a, Item<P>>>,
    concurrency: usize,
}

/// A pod, and what came of the command there.
type Item<P> = (P, Result<Output, Error>);

impl<P> RunAll<'_, P> {
    /// How many commands run at once; at least one does.
    ///
    /// ```
    /// # use kube_ext::exec::RunAll;
    /// fn one_by_one(results: RunAll<'_, String>) -> RunAll<'_, String> {
    ///     results.concurrency(1)
    /// }
    /// ```
    pub fn concurrency(mut self, commands: usize) -> Self {
        self.concurrency = commands.max(1);
        self
    }
}

impl<P> Stream for RunAll<'_, P> {
    type Item = Item<P>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        while self.running.len() < self.concurrency
            && let Some(next) = self.waiting.next()
        {
            self.running.push(next);
        }
        self.running.poll_next_unpin(cx)
    }
}

impl<P> fmt::Debug for RunAll<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunAll")
            .field("running", &self.running.len())
            .field("concurrency", &self.concurrency)
            .finish_non_exhaustive()
    }
}
