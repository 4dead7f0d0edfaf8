//! A remote process that behaves like a local one: [`ExecExt`] gives `Api<Pod>` commands of the shape of
//! `tokio::process::Command`, and attaching; [`run_all`] runs one in many pods.
//!
//! ```
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! # use kube_ext::fake::FakeCluster;
//! # let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web-0}, spec: {nodeName: node, containers: [{name: app}]}}";
//! # let cluster = FakeCluster::builder().yaml(pod).start().await?;
//! # cluster.container("default", "web-0", "app").on_command(|_| ("", "no such table\n", 3));
//! # let client = cluster.client()?;
//! use k8s_openapi::api::core::v1::Pod;
//! use kube::Api;
//! use kube_ext::exec::ExecExt;
//!
//! let pods: Api<Pod> = Api::default_namespaced(client);
//! let output = pods.command("web-0", "sh").args(["-c", "check-tables"]).container("app").output().await?;
//! assert_eq!(output.status.code(), 3);
//! assert_eq!(output.stderr, b"no such table\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! An exit status is one that the server has told: whatever else happens, a connection that is cut, a server that falls
//! silent, is an [`Error`], with what had arrived.
//!
//! Nothing waits for ever for a server without a sign of life: it is given up after [`keepalive`](Command::keepalive), or
//! 5 times that while there is input that it has not taken. One that lives and tells no exit status looks as if the process
//! ran on: what must end has a [`timeout`](Command::timeout). Outputs can be read in any order ([`Child`]).
//!
//! The protocol is the websocket of `kubectl exec` (`v5.channel.k8s.io`, KEP-4006; `v4` for servers before Kubernetes 1.30).
//! A user needs the verbs `get` and `create` on `pods/exec` or `pods/attach`.
//!
//! # What a server loses
//! What no client can see is a server that is wrong: one that loses a connection of its own tells a success, up to Kubernetes 1.35 the
//! API server (kubernetes/kubectl#1726), and in 1.36 the kubelet. It does so by itself if output waits on the node for some seconds
//! after the process has ended, since a reader, or the way to it, is slow: the kubelet's pings break its connection to the container
//! runtime, and some megabytes of the end are gone. `kubectl exec` loses them, too. So all output is taken as it comes, up to
//! [`max_output`](Command::max_output), whoever reads it when, and pings are sent only where nothing comes. Behind a reader that
//! is later than that, or a slow network, the end of an output counts only if it can be told: by a checksum, or a last line.

mod attach;
mod buffers;
mod child;
mod command;
mod error;
mod many;
mod output;
mod pipes;
mod session;
#[cfg(all(feature = "tty", unix))]
mod shell;
mod status;
mod target;
#[cfg(all(feature = "tty", unix))]
mod terminal;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;

pub use self::{
    attach::{Attach, Attached},
    child::{Child, ChildStderr, ChildStdin, ChildStdout},
    command::{Command, Stdio},
    error::{Cause, Error, Stream},
    many::{RunAll, run_all},
    output::Output,
    status::ExitStatus,
};

#[cfg(all(feature = "tty", unix))]
pub use self::{
    shell::Shell,
    terminal::{DetachKeys, DetachKeysError, Ended, Tty},
};

mod private {
    pub trait Sealed {}
    impl Sealed for kube::Api<k8s_openapi::api::core::v1::Pod> {}
}

/// Commands in the pods of a namespace.
///
/// The methods are named so as not to get in the way of kube's own `exec` and `attach`.
///
/// ```
/// use k8s_openapi::api::core::v1::Pod;
/// use kube::Api;
/// use kube_ext::exec::{Error, ExecExt};
///
/// async fn uptime(pods: &Api<Pod>) -> Result<Vec<u8>, Error> {
///     Ok(pods.command("web-0", "uptime").output().await?.stdout)
/// }
/// ```
pub trait ExecExt: private::Sealed {
    /// A command to be run in a container of the pod. The `Api` must be of one namespace.
    ///
    /// ```
    /// # use kube::Api;
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # use kube_ext::exec::ExecExt;
    /// fn list(pods: &Api<Pod>) -> kube_ext::exec::Command {
    ///     pods.command("web-0", "ls").arg("-l").container("app")
    /// }
    /// ```
    fn command(&self, pod: impl Into<String>, program: impl Into<String>) -> Command;

    /// An attachment to the process that a container of the pod runs. The `Api` must be of one namespace.
    ///
    /// ```
    /// # use kube::Api;
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # use kube_ext::exec::ExecExt;
    /// fn console(pods: &Api<Pod>) -> kube_ext::exec::Attach {
    ///     pods.attach_to("web-0").container("app")
    /// }
    /// ```
    fn attach_to(&self, pod: impl Into<String>) -> Attach;

    /// A shell in a container of the pod, for the terminal of this process. The `Api` must be of one namespace.
    ///
    /// ```no_run
    /// # use kube::Api;
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # use kube_ext::exec::{Ended, Error, ExecExt};
    /// async fn look_around(pods: &Api<Pod>) -> Result<Ended, Error> {
    ///     pods.shell("web-0").container("app").tty().await
    /// }
    /// ```
    #[cfg(all(feature = "tty", unix))]
    fn shell(&self, pod: impl Into<String>) -> Shell;
}

impl ExecExt for Api<Pod> {
    fn command(&self, pod: impl Into<String>, program: impl Into<String>) -> Command {
        Command::new(self, pod.into(), program.into())
    }

    fn attach_to(&self, pod: impl Into<String>) -> Attach {
        Attach::new(self, pod.into())
    }

    #[cfg(all(feature = "tty", unix))]
    fn shell(&self, pod: impl Into<String>) -> Shell {
        Shell::new(self, &pod.into())
    }
}
