//! A session: the local terminal and a remote one, each with what the other has to say.
use std::{
    future::pending,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::{FutureExt as _, future::FusedFuture as _};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::{Notify, mpsc},
    time::timeout,
};

use super::{
    Options,
    keys::{Keys, Typed},
    output::Output,
    raw::{self, RawError, RawMode, Reserved},
    size::{Size, Sizes},
};
use crate::exec::{
    attach::Attached,
    child::{Child, ChildStdin, ChildStdout, Session},
    error::Cause,
};

/// How many reads of keys wait for the remote process. The keys that leave are seen among them while it reads nothing.
const AHEAD: usize = 16;
/// How many bytes are written to standard output at once.
const CHUNK: usize = 32 * 1024;
/// How much is typed ahead of a program that may turn out not to be there.
const UNHEARD: usize = 64 * 1024;
/// How long the last keys may take to be sent when the session is left.
const LINGER: Duration = Duration::from_secs(1);

/// The remote process and its terminal.
pub(super) struct Remote {
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    pub(super) session: Session,
}

impl From<Child> for Remote {
    fn from(Child { stdin, stdout, session, .. }: Child) -> Self {
        Self { stdin, stdout, session }
    }
}

impl From<Attached> for Remote {
    fn from(Attached { stdin, stdout, session, .. }: Attached) -> Self {
        Self { stdin, stdout, session }
    }
}

/// The local terminal, for as long as it is the session's.
#[derive(Debug)]
pub(super) struct Local {
    /// First, so that the terminal is restored before anything else ends.
    _raw: RawMode,
    keys: Keys,
    sizes: Sizes,
    output: Output,
    /// What was typed for a program that has not shown anything yet.
    unheard: Vec<u8>,
}

/// How a conversation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// There is no more output: the remote process has ended, or the connection has.
    Remote,
    /// By the keys that leave.
    Detached,
}

impl Local {
    /// Makes the terminal raw. The remote one has been told `size`.
    pub(super) fn enter(terminal: &Reserved, size: Option<Size>, options: &Options) -> Result<Self, Cause> {
        let failed = |action| move |source| Cause::Terminal { action, source };
        let output = Output::stdout().map_err(failed("write to standard output"))?;
        let raw = RawMode::enter(terminal, options.restore_on_signals).map_err(RawError::into_cause)?;
        let sizes =
            Sizes::new(Arc::clone(terminal.file()), size).map_err(failed("watch the terminal's size"))?;
        let keys = Keys::new(terminal.file(), options.detach.as_ref()).map_err(failed("read the keys"))?;
        Ok(Self { _raw: raw, keys, sizes, output, unheard: Vec::new() })
    }

    /// For another remote terminal, which has been told `size`.
    pub(super) fn go_on(&mut self, size: Option<Size>) {
        self.sizes.told(size);
    }

    /// Until one side ends it. All that the remote process wrote is written by then.
    ///
    /// With `again`, what is typed before it shows anything is kept, and is the first that the next one gets.
    pub(super) async fn converse(&mut self, remote: &mut Remote, again: bool) -> Result<Over, Cause> {
        let (Some(mut stdin), Some(mut stdout)) = (remote.stdin.take(), remote.stdout.take()) else {
            return Ok(Over::Remote);
        };
        let Self { keys, sizes, output, unheard, .. } = self;
        let (typed, mut to_send) = mpsc::channel(AHEAD);
        let (heard, hearing) = (AtomicBool::new(false), Notify::new());

        let reading = async {
            while let Ok(room) = typed.reserve().await {
                match keys.read().await {
                    Ok(Typed::Bytes(bytes)) => room.send(bytes),
                    Ok(Typed::Detach(bytes)) => {
                        room.send(bytes);
                        return Ok(Over::Detached);
                    }
                    Err(source) => return Err(Cause::Terminal { action: "read the keys", source }),
                }
            }
            pending().await
        };
        let copying = async {
            let mut bytes = Vec::with_capacity(CHUNK);
            // How it ended is for the exit status to tell.
            while let Ok(1..) = stdout.read_buf(&mut bytes).await {
                heard.store(true, Ordering::Relaxed);
                hearing.notify_one();
                let written = output.write(bytes).await;
                bytes = written
                    .map_err(|source| Cause::Terminal { action: "write to standard output", source })?;
            }
            Ok(Over::Remote)
        };
        let resizing = async {
            loop {
                remote.session.resize(sizes.next().await.into());
            }
        };
        let sending = async {
            // To one that has ended nothing can be sent; the end of its output is near.
            if stdin.write_all(unheard).await.is_err() {
                return;
            }
            while let Some(bytes) = to_send.recv().await {
                if again && !heard.load(Ordering::Relaxed) {
                    unheard.extend_from_slice(&bytes);
                    if unheard.len() >= UNHEARD {
                        hearing.notified().await;
                    }
                }
                if stdin.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            let _ = stdin.flush().await;
        };

        let over = {
            let mut sending = pin!(sending.fuse());
            let over = tokio::select! {
                biased;
                over = copying => over,
                over = reading => over,
                over = resizing => over,
                never = raw::stay_in_foreground() => match never {},
                over = async { sending.as_mut().await; pending().await } => over,
            }?;
            drop(typed);
            if over == Over::Detached && !sending.is_terminated() {
                let _ = timeout(LINGER, sending).await;
            }
            over
        };
        if again && !heard.load(Ordering::Relaxed) {
            // No more than `AHEAD` reads.
            while let Ok(bytes) = to_send.try_recv() {
                unheard.extend(bytes);
            }
        }
        Ok(over)
    }
}

impl RawError {
    pub(super) fn into_cause(self) -> Cause {
        match self {
            Self::NotATerminal => Cause::NotATerminal,
            Self::Busy => Cause::TerminalInUse,
            Self::Io(source) => Cause::Terminal { action: "change the terminal's mode", source },
        }
    }
}
