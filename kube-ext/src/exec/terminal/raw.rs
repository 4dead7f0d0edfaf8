//! Raw mode of the terminal, and the way back on every exit.
//!
//! There is one terminal, and one session on it at a time: what it was like before is kept here, where a panic hook and
//! the thread of the signals find it.
use std::{
    convert::Infallible,
    io,
    os::fd::{AsFd, OwnedFd},
    panic,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, Once, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec},
    io::Errno,
    termios::{OptionalActions, SpecialCodeIndex, Termios},
};
use tokio::{sync::Notify, time::timeout};

use super::signals;

static ACTIVE: Mutex<Option<Active>> = Mutex::new(None);

/// Whether a session has the terminal, or is on its way to it.
static RESERVED: AtomicBool = AtomicBool::new(false);

/// Notified when the process goes on, with a terminal that is raw again unless it is in the background.
pub(super) static RESUMED: Notify = Notify::const_new();

/// How often a process in the background looks whether it is in the foreground again: no signal tells.
const LOOK: Duration = Duration::from_millis(200);

/// The terminal of the session.
struct Active {
    terminal: Arc<OwnedFd>,
    before: Termios,
    mode: Mode,
}

/// Whose the terminal is for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// The session's.
    Raw,
    /// The program's, for the message of a panic.
    Suspended,
    /// Nobody's: a signal is about to end or stop the process.
    Stopping,
    /// Another process group's.
    Background,
}

/// The terminal, for one session: while this lives no other gets it.
#[derive(Debug)]
pub(super) struct Reserved(Arc<OwnedFd>);

impl Reserved {
    pub(super) fn new(terminal: impl AsFd) -> Result<Self, RawError> {
        modes(&terminal)?;
        let file = terminal.as_fd().try_clone_to_owned()?;
        if RESERVED.swap(true, Ordering::SeqCst) { Err(RawError::Busy) } else { Ok(Self(Arc::new(file))) }
    }

    pub(super) fn file(&self) -> &Arc<OwnedFd> {
        &self.0
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        RESERVED.store(false, Ordering::SeqCst);
    }
}

/// The terminal in raw mode, for as long as this lives.
///
/// Keys go through as bytes, none means anything, and output is not touched. What it was like before comes back when
/// this is dropped, before the message of a panic is printed, when a signal ends or stops the process.
#[derive(Debug)]
pub(super) struct RawMode {
    /// Ends, and is waited for, after the terminal is restored.
    _signals: signals::Watch,
}

/// Why there is no raw mode.
#[derive(Debug)]
pub(super) enum RawError {
    NotATerminal,
    Busy,
    Io(io::Error),
}

impl From<io::Error> for RawError {
    fn from(err: io::Error) -> Self {
        Self::Io(err)
    }
}

/// What a read that does not wait found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    Bytes(usize),
    Nothing,
    /// The terminal is not raw for now: what is typed is not for the session.
    NotRaw,
    /// The terminal is gone.
    Closed,
}

impl RawMode {
    /// Makes the terminal raw. With `restore_on_signals`, signals that end or stop the process restore it first.
    pub(super) fn enter(terminal: &Reserved, restore_on_signals: bool) -> Result<Self, RawError> {
        install_hook();
        let mut active = active();
        let terminal = Arc::clone(terminal.file());
        let before = modes(&terminal)?;
        // A signal that comes now waits for the lock.
        let signals = signals::Watch::start(restore_on_signals)?;
        let mut session = Active { terminal, before, mode: Mode::Suspended };
        let entered = session.make_raw();
        if entered.is_ok() {
            *active = Some(session);
        }
        drop(active);
        entered?;
        Ok(Self { _signals: signals })
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        if let Some(mut active) = active().take() {
            active.leave(Mode::Suspended);
        }
    }
}

impl Active {
    fn make_raw(&mut self) -> io::Result<()> {
        let mut modes = self.before.clone();
        modes.make_raw();
        // A read of what is there, which may be nothing, never waits.
        modes.special_codes[SpecialCodeIndex::VMIN] = 0;
        rustix::termios::tcsetattr(&self.terminal, OptionalActions::Now, &modes)?;
        self.mode = Mode::Raw;
        Ok(())
    }

    /// Makes it what it was before.
    fn leave(&mut self, mode: Mode) {
        // In the background the terminal is another's; to change it would stop the process.
        if self.mode == Mode::Raw && !self.in_background() {
            // Nothing can be done about a terminal that is gone. What was typed stays for who reads next.
            let _ = rustix::termios::tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
        }
        self.mode = mode;
    }

    fn come_back(&mut self) {
        if self.in_background() {
            self.mode = Mode::Background;
        } else if self.make_raw().is_err() {
            // A terminal that is gone: reading from it tells.
            self.mode = Mode::Raw;
        }
        RESUMED.notify_waiters();
    }

    fn in_background(&self) -> bool {
        rustix::termios::tcgetpgrp(&self.terminal).is_ok_and(|group| group != rustix::process::getpgrp())
    }
}

/// Nothing that holds it can panic.
fn active() -> MutexGuard<'static, Option<Active>> {
    ACTIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn modes(terminal: impl AsFd) -> Result<Termios, RawError> {
    rustix::termios::tcgetattr(terminal).map_err(|err| match err {
        Errno::NOTTY => RawError::NotATerminal,
        err => RawError::Io(err.into()),
    })
}

/// Makes the terminal what it was before the session, for a message. Whether there is a session.
fn suspend() -> bool {
    let mut active = active();
    if let Some(active @ Active { mode: Mode::Raw, .. }) = &mut *active {
        active.leave(Mode::Suspended);
    }
    active.is_some()
}

/// Makes it raw again behind the message, unless a signal is about to end the process.
fn resume() {
    if let Some(active @ Active { mode: Mode::Suspended, .. }) = active().as_mut() {
        active.come_back();
    }
}

/// Makes the terminal what it was before the session, because a signal ends or stops the process.
pub(super) fn stop() {
    if let Some(active) = active().as_mut() {
        active.leave(Mode::Stopping);
    }
}

/// Makes the terminal of a session raw again when the process goes on after a stop.
pub(super) fn go_on() {
    if let Some(active) = active().as_mut() {
        active.come_back();
    }
}

/// Makes the terminal raw again whenever the process is in the foreground again.
pub(super) async fn stay_in_foreground() -> Infallible {
    loop {
        let mut resumed = pin!(RESUMED.notified());
        resumed.as_mut().enable();
        if !is_in_background() {
            resumed.await;
        } else if timeout(LOOK, resumed).await.is_err()
            && let Some(active @ Active { mode: Mode::Background, .. }) = active().as_mut()
        {
            active.come_back();
        }
    }
}

fn is_in_background() -> bool {
    active().as_ref().is_some_and(|active| active.mode == Mode::Background)
}

/// Reads what was typed, without waiting for it.
pub(super) fn read(buffer: &mut [u8]) -> io::Result<Read> {
    // Held so that the mode does not change meanwhile.
    let active = active();
    let Some(Active { terminal, mode: Mode::Raw, .. }) = &*active else { return Ok(Read::NotRaw) };
    // A shell may have changed the mode while the process was stopped: then a read would wait for a whole line.
    let mut poll = [PollFd::new(terminal, PollFlags::IN)];
    rustix::io::retry_on_intr(|| rustix::event::poll(&mut poll, Some(&Timespec::default())))?;
    let [poll] = poll;
    let found = poll.revents();
    if !found.contains(PollFlags::IN) {
        let gone = found.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL);
        return Ok(if gone { Read::Closed } else { Read::Nothing });
    }
    match rustix::io::read(terminal, buffer) {
        Ok(0) if found.contains(PollFlags::HUP) => Ok(Read::Closed),
        Ok(0) | Err(Errno::AGAIN | Errno::INTR) => Ok(Read::Nothing),
        Ok(count) => Ok(Read::Bytes(count)),
        Err(Errno::IO) => Ok(Read::Closed),
        Err(err) => Err(err.into()),
    }
}

/// Restores the terminal before the message of a panic, wherever it is: that may be the last thing that the process does.
fn install_hook() {
    static ONCE: Once = Once::new();
    if thread::panicking() {
        return;
    }
    ONCE.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let in_session = suspend();
            previous(info);
            // The process outlives a panic of a task, and of any thread but the first; a session in that task or thread
            // restores the terminal as it unwinds.
            let caught = tokio::task::try_id().is_some() || thread::current().name() != Some("main");
            if in_session && cfg!(panic = "unwind") && caught {
                resume();
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use rustix::termios::{LocalModes, OutputModes, tcgetattr};

    use super::{
        super::tests::{one_at_a_time, pty},
        *,
    };

    /// All that a program can set, as text: the type has no comparison.
    fn modes(terminal: &OwnedFd) -> String {
        format!("{:?}", tcgetattr(terminal).unwrap())
    }

    fn is_raw(terminal: &OwnedFd) -> bool {
        let modes = tcgetattr(terminal).unwrap();
        let cooked = LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG;
        !modes.local_modes.intersects(cooked) && !modes.output_modes.contains(OutputModes::OPOST)
    }

    #[test]
    fn the_terminal_comes_back_as_it_was() {
        let _guard = one_at_a_time();
        let (_user, terminal) = pty();
        let mut own = tcgetattr(&terminal).unwrap();
        own.local_modes -= LocalModes::ECHOE;
        own.special_codes[SpecialCodeIndex::VINTR] = 0x0b;
        rustix::termios::tcsetattr(&terminal, OptionalActions::Now, &own).unwrap();
        let before = modes(&terminal);
        let reserved = Reserved::new(&terminal).unwrap();
        assert_eq!(modes(&terminal), before);

        let raw = RawMode::enter(&reserved, true).unwrap();
        assert!(is_raw(&terminal));
        assert!(suspend());
        assert_eq!(modes(&terminal), before);
        resume();
        assert!(is_raw(&terminal));
        stop();
        assert_eq!(modes(&terminal), before);
        go_on();
        assert!(is_raw(&terminal));
        drop(raw);
        assert_eq!(modes(&terminal), before);
        assert!(!suspend());
        resume();
        go_on();
        assert_eq!(modes(&terminal), before);
    }

    #[test]
    fn a_panic_does_not_make_it_raw_while_a_signal_ends_the_process() {
        let _guard = one_at_a_time();
        let (_user, terminal) = pty();
        let before = modes(&terminal);
        let reserved = Reserved::new(&terminal).unwrap();
        let _raw = RawMode::enter(&reserved, true).unwrap();
        for suspended in [false, true] {
            assert!(!suspended || suspend());
            stop();
            assert!(suspended || suspend());
            resume();
            assert_eq!(modes(&terminal), before);
            go_on();
            assert!(is_raw(&terminal));
        }
    }

    #[test]
    fn there_is_one_session_at_a_time() {
        let _guard = one_at_a_time();
        let (_user, terminal) = pty();
        let first = Reserved::new(&terminal).unwrap();
        for _ in 0..2 {
            assert!(matches!(Reserved::new(&terminal), Err(RawError::Busy)));
        }
        drop(first);
        drop(Reserved::new(&terminal).unwrap());
    }

    #[test]
    fn a_file_is_no_terminal() {
        for file in ["/dev/null", "/dev/zero"] {
            let file = std::fs::File::open(file).unwrap();
            assert!(matches!(Reserved::new(file), Err(RawError::NotATerminal)));
        }
    }
}
