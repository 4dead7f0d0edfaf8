//! The terminal of this process, for a process in a container.
mod detach;
mod keys;
mod output;
mod raw;
mod session;
mod signals;
mod size;

use std::{
    future::{Future, IntoFuture},
    pin::Pin,
    sync::Arc,
};

use kube::api::TerminalSize;

pub use self::detach::{DetachKeys, DetachKeysError};
use self::{
    raw::Reserved,
    session::{Local, Over, Remote},
    size::Size,
};
use super::{
    attach::Attach,
    command::{Command, Stdio},
    error::{Cause, Error, Operation},
    shell::{self, Shell},
    status::ExitStatus,
};

/// A session on the terminal of this process, as `kubectl exec -it` and `kubectl attach -it` have it: what
/// [`Command::tty`], [`Attach::tty`] and [`Shell::tty`] make, to be awaited.
///
/// Standard input must be a terminal. Once the connection is there, it is raw: keys, Ctrl-C and Ctrl-Z among them, go to the
/// remote process, the remote terminal takes the size of this one whenever it changes, and what the process writes goes
/// to standard output, all of it before the session is over. What is typed after that is left for whoever reads next.
///
/// # What happens to the terminal
/// It is made what it was before when the session ends: with the remote process, by the keys that leave, with an error, or
/// because the future is dropped.
///
/// - **Panics.** A panic of any thread restores the terminal before its message is printed, by a hook that calls the one
///   that was there before. If it was another thread's or a task's, the session goes on. A panic of the main thread itself
///   is taken for the end of the process: a program that catches it there, by `catch_unwind`, drops the session too, for no
///   key reaches it any more. Whoever sets a hook later should call the one that is there.
/// - **Signals.** SIGHUP, SIGINT, SIGQUIT, SIGTERM and SIGTSTP from outside restore the terminal, and then have their
///   default effect: they end the process, or stop it. After SIGCONT it is raw again, as soon as the process is in the
///   foreground. A signal that is ignored, or that the program handled before its first session, is left alone: the program
///   ends the session by dropping it. (Which ones these are, only Linux tells.)
/// - **Handlers of your own** are set before the first session, through tokio, signal-hook or sigaction(2). One that is set
///   later through tokio or signal-hook never acts, not even between sessions: the signal ends the process first, for from
///   the first session on these signals are taken for good. If that is too early, have
///   [`restore_on_signals(false)`](Self::restore_on_signals) in every session from the first one on.
/// - **Nobody is left to restore it** after SIGKILL, a crash, a signal that is none of these five, and
///   `std::process::exit`; nor when `main` returns while the session runs on a thread that nobody waits for, or on a runtime
///   that is shut down in the background.
///
/// # Errors
/// [`Cause::NotATerminal`], [`Cause::TerminalInUse`] if another session of this process has it or is about to have it: then
/// nothing was asked for.
/// [`Cause::Terminal`] when the terminal fails; [`Cause::NoTerminal`] when a container that is attached to has none;
/// [`Cause::NoShell`]; and all that happens to a [`Child`](super::Child), such as [`Cause::Lost`] when the pod goes away.
///
/// # Cancel safety
/// If the future is dropped, the terminal is restored and the connection closed; the remote process may go on, as
/// [`Child::kill`](super::Child::kill) says. Keys that were read and not sent yet are lost, and so is output that was not written yet.
///
/// ```no_run
/// # async fn f(client: kube::Client) -> Result<(), Box<dyn std::error::Error>> {
/// use k8s_openapi::api::core::v1::Pod;
/// use kube::Api;
/// use kube_ext::exec::{Ended, ExecExt};
///
/// let pods: Api<Pod> = Api::default_namespaced(client);
/// match pods.command("web-0", "top").tty().detach_keys("ctrl-p,ctrl-q".parse()?).await? {
///     Ended::Exited(status) => println!("top ended with {status}"),
///     _ => println!("left"),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a session does nothing until it is awaited"]
pub struct Tty {
    remote: What,
    options: Options,
}

#[derive(Clone, Debug)]
enum What {
    Command(Box<Command>),
    Attach(Box<Attach>),
    Shell(Box<Shell>),
}

#[derive(Clone, Debug)]
struct Options {
    detach: Option<DetachKeys>,
    restore_on_signals: bool,
}

/// How a session on the terminal ended.
///
/// ```
/// use kube_ext::exec::Ended;
///
/// fn exit_code(ended: Ended) -> i32 {
///     match ended {
///         Ended::Exited(status) => status.code(),
///         _ => 0,
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ended {
    /// The command ended.
    Exited(ExitStatus),
    /// The process that was attached to ended, or closed its terminal. Its exit code is in the pod's status.
    Closed,
    /// The keys that leave were typed: see [`Tty::detach_keys`].
    Detached,
}

impl Command {
    /// Runs the command on the terminal of this process: see [`Tty`].
    ///
    /// The command gets a terminal, its stdin and its output, whatever [`stdin`](Self::stdin), [`stdout`](Self::stdout),
    /// [`stderr`](Self::stderr) and [`terminal`](Self::terminal) say. With an [`input`](Self::input) it is [`Cause::Invalid`]:
    /// the keys are its input.
    ///
    /// ```no_run
    /// # use kube_ext::exec::{Command, Ended, Error};
    /// async fn until_it_exits(command: Command) -> Result<Ended, Error> {
    ///     command.tty().await
    /// }
    /// ```
    pub fn tty(self) -> Tty {
        Tty::new(What::Command(Box::new(self)), None)
    }
}

impl Attach {
    /// Attaches the terminal of this process: see [`Tty`].
    ///
    /// The container must have been started with a terminal, and with stdin. `ctrl-p,ctrl-q` leaves, as with `kubectl attach`,
    /// unless [`detach_keys`](Tty::detach_keys) says otherwise. Like kubectl, it changes the size of the remote terminal
    /// for a moment, so that a full-screen program draws itself.
    ///
    /// ```no_run
    /// # use kube_ext::exec::{Attach, Ended, Error};
    /// async fn until_it_exits(attach: Attach) -> Result<Ended, Error> {
    ///     attach.tty().await
    /// }
    /// ```
    pub fn tty(self) -> Tty {
        Tty::new(What::Attach(Box::new(self)), Some(DetachKeys::default()))
    }
}

impl Tty {
    fn new(remote: What, detach: Option<DetachKeys>) -> Self {
        Self { remote, options: Options { detach, restore_on_signals: true } }
    }

    pub(super) fn shell(shell: Shell) -> Self {
        Self::new(What::Shell(Box::new(shell)), None)
    }

    /// Sets the keys that leave the session: none unless told otherwise, as with `kubectl exec`; `ctrl-p,ctrl-q` for an
    /// attachment, as with `kubectl attach`.
    ///
    /// Leaving closes the connection. What is attached to goes on, and so does a command, whose terminal nobody can come back
    /// to: see [`Child::kill`](super::Child::kill).
    ///
    /// ```
    /// # use kube_ext::exec::{Command, DetachKeysError, Tty};
    /// fn with_screens_keys(command: Command) -> Result<Tty, DetachKeysError> {
    ///     Ok(command.tty().detach_keys("ctrl-a,d".parse()?))
    /// }
    /// ```
    pub fn detach_keys(mut self, keys: DetachKeys) -> Self {
        self.options.detach = Some(keys);
        self
    }

    /// Whether signals that end or stop the process restore the terminal first: yes, unless told otherwise.
    ///
    /// `false` is for programs with signal handlers of their own, where these are not recognised: on other systems than
    /// Linux, or if they are set only after the first session has begun. Such a program says it for each session from the
    /// first one on, and drops the session when it is told to end. After SIGCONT the terminal is raw again in any case.
    ///
    /// ```
    /// # use kube_ext::exec::{Command, Tty};
    /// fn on_our_own(command: Command) -> Tty {
    ///     command.tty().restore_on_signals(false)
    /// }
    /// ```
    pub fn restore_on_signals(mut self, restore: bool) -> Self {
        self.options.restore_on_signals = restore;
        self
    }

    async fn run(self) -> Result<Ended, Error> {
        let Self { remote, options } = self;
        let reserved = Reserved::new(std::io::stdin())
            .map_err(|err| Error::new(&remote.operation(), err.into_cause()))?;
        let terminal = Terminal { local: None, options, reserved };
        match remote {
            What::Command(command) => terminal.exec(*command, None).await,
            What::Shell(shell) => {
                let [best, other] = shell.into_attempts();
                terminal.exec(best, Some(other)).await.map_err(shell::none)
            }
            What::Attach(attach) => terminal.attach(*attach).await,
        }
    }
}

impl IntoFuture for Tty {
    type Output = Result<Ended, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl What {
    fn operation(&self) -> Arc<Operation> {
        match self {
            Self::Command(command) => command.target.operation(format!("exec {}", command.program), None),
            Self::Attach(attach) => attach.target.operation("attach".to_owned(), None),
            Self::Shell(shell) => shell.operation(),
        }
    }
}

/// The terminal, which becomes raw when there is something to talk to: until then Ctrl-C ends this process. It stays raw
/// while another shell is asked for, which gets what is typed meanwhile.
struct Terminal {
    /// Before the reservation, so that the terminal is restored when the next session may begin.
    local: Option<Local>,
    options: Options,
    reserved: Reserved,
}

impl Terminal {
    /// Runs a command; if its program is not there, the other one, which gets what was typed.
    async fn exec(mut self, command: Command, otherwise: Option<Command>) -> Result<Ended, Error> {
        match (self.exec_one(command, otherwise.is_some()).await, otherwise) {
            (Err(error), Some(command)) if matches!(error.cause(), Cause::ProgramNotFound { .. }) => {
                self.exec_one(command, false).await
            }
            (ended, _) => ended,
        }
    }

    async fn exec_one(&mut self, command: Command, again: bool) -> Result<Ended, Error> {
        let size = Size::of(self.reserved.file());
        // Nodes ignore a size of nothing.
        let remote_size = size.map_or(TerminalSize { width: 0, height: 0 }, TerminalSize::from);
        let child = command.terminal(remote_size).start([true, true, false]).await?;
        match self.converse(child.into(), size, again).await? {
            Some(status) => Ok(Ended::Exited(status)),
            None => Ok(Ended::Detached),
        }
    }

    async fn attach(mut self, attach: Attach) -> Result<Ended, Error> {
        let attached = attach.stdin(Stdio::Piped).spawn().await?;
        if !attached.has_terminal() {
            return Err(attached.session.error(Cause::NoTerminal));
        }
        let size = Size::of(self.reserved.file());
        if let Some(size) = size {
            attached.resize(size.one_more());
            attached.resize(size.into());
        }
        let ended = self.converse(attached.into(), size, false).await?;
        Ok(ended.map_or(Ended::Detached, |_| Ended::Closed))
    }

    /// Until the remote process has ended, or the keys that leave are typed.
    async fn converse(
        &mut self,
        mut remote: Remote,
        size: Option<Size>,
        again: bool,
    ) -> Result<Option<ExitStatus>, Error> {
        let local = match &mut self.local {
            Some(local) => {
                local.go_on(size);
                local
            }
            none => match Local::enter(&self.reserved, size, &self.options) {
                Ok(local) => none.insert(local),
                Err(cause) => return Err(remote.session.error(cause)),
            },
        };
        match local.converse(&mut remote, again).await {
            Ok(Over::Remote) => remote.session.ended().await.map(Some),
            Ok(Over::Detached) => Ok(None),
            Err(cause) => Err(remote.session.error(cause)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        os::fd::OwnedFd,
        sync::{Mutex, MutexGuard, PoisonError},
    };

    use rustix::{
        fs::{Mode, OFlags},
        pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    };

    /// The user's side of a new terminal, and the terminal.
    pub(super) fn pty() -> (OwnedFd, OwnedFd) {
        let user = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&user).unwrap();
        unlockpt(&user).unwrap();
        let name = ptsname(&user, Vec::new()).unwrap();
        let terminal = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        (user, terminal)
    }

    /// Tests share the process, which has one session at a time.
    pub(super) fn one_at_a_time() -> MutexGuard<'static, ()> {
        static LOCK: Mutex<()> = Mutex::new(());
        LOCK.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
