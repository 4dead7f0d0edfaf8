//! A shell, whichever there is.
use std::{sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::Pod;
use kube::Api;

use super::{
    command::Command,
    error::{Cause, Error, Operation},
    terminal::Tty,
};

/// The shells that are looked for, the best first.
const PROGRAMS: [&str; 2] = ["bash", "sh"];

/// A shell in a container, for the terminal of this process: [`ExecExt::shell`](super::ExecExt::shell) makes one.
///
/// It is `bash`, or `sh` where there is no `bash`. Which of them there is, only starting one tells; what is typed meanwhile is
/// for the one that starts, and so is Ctrl-C once `bash` was asked for. Some images have neither: that is [`Cause::NoShell`].
///
/// ```no_run
/// # async fn f(client: kube::Client) -> Result<(), Box<dyn std::error::Error>> {
/// use k8s_openapi::api::core::v1::Pod;
/// use kube::Api;
/// use kube_ext::exec::{Ended, ExecExt};
///
/// let pods: Api<Pod> = Api::default_namespaced(client);
/// if let Ended::Exited(status) = pods.shell("web-0").tty().await? {
///     println!("the shell ended with {status}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a shell does nothing until it is run"]
pub struct Shell {
    attempts: [Command; 2],
}

impl Shell {
    pub(super) fn new(api: &Api<Pod>, pod: &str) -> Self {
        Self { attempts: PROGRAMS.map(|program| Command::new(api, pod.to_owned(), program.to_owned())) }
    }

    /// Names the container. Without this it is kubectl's choice, as for [`Command::container`].
    ///
    /// ```
    /// # use kube_ext::exec::Shell;
    /// fn in_proxy(shell: Shell) -> Shell {
    ///     shell.container("proxy")
    /// }
    /// ```
    pub fn container(mut self, container: impl Into<String>) -> Self {
        let container = container.into();
        self.attempts = self.attempts.map(|command| command.container(container.clone()));
        self
    }

    /// After how long without any sign of life from the server the connection is taken for lost, as [`Command::keepalive`].
    ///
    /// ```
    /// # use kube_ext::exec::Shell;
    /// use std::time::Duration;
    ///
    /// fn on_a_bad_line(shell: Shell) -> Shell {
    ///     shell.keepalive(Duration::from_secs(10))
    /// }
    /// ```
    pub fn keepalive(mut self, silence: Duration) -> Self {
        self.attempts = self.attempts.map(|command| command.keepalive(silence));
        self
    }

    /// The session on the terminal of this process: see [`Tty`].
    ///
    /// ```no_run
    /// # use kube_ext::exec::{Ended, Error, Shell};
    /// async fn until_it_exits(shell: Shell) -> Result<Ended, Error> {
    ///     shell.tty().await
    /// }
    /// ```
    pub fn tty(self) -> Tty {
        Tty::shell(self)
    }

    pub(super) fn operation(&self) -> Arc<Operation> {
        let [command, _] = &self.attempts;
        command.target.operation("shell".to_owned(), None)
    }

    pub(super) fn into_attempts(self) -> [Command; 2] {
        self.attempts
    }
}

/// None of the shells was there, says the last error.
pub(super) fn none(error: Error) -> Error {
    match error.cause() {
        Cause::ProgramNotFound { .. } => {
            error.with_cause(Cause::NoShell { tried: PROGRAMS.map(ToOwned::to_owned).to_vec() })
        }
        _ => error,
    }
}
