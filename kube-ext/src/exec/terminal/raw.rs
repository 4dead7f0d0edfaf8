//! Raw mode of the terminal, and the way back on every exit.
//!
//! There is one terminal, and one session on it at a time: what it was like before is kept here, where a panic hook and
//! the thread of the signals find it.
use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    panic,
    sync::{Arc, Mutex, MutexGuard, Once, PoisonError},
    thread,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec},
    io::Errno,
    termios::{OptionalActions, SpecialCodeIndex, Termios},
};
use tokio::sync::Notify;

use super::signals;

static ACTIVE: Mutex<Option<Active>> = Mutex::new(None);

/// Notified when the terminal is raw again.
pub(super) static RESUMED: Notify = Notify::const_new();

/// The terminal of the session.
struct Active {
    terminal: Arc<OwnedFd>,
    before: Termios,
    raw: bool,
}

/// The terminal in raw mode, for as long as this lives.
///
/// Keys go through as bytes, none means anything, and output is not touched. What it was like before comes back when
/// this is dropped, before the message of a panic is printed, when a signal ends or stops the process.
#[derive(Debug)]
pub(super) struct RawMode {
    /// Ends, and is waited for, after the terminal is restored.
    _signals: Option<signals::Watch>,
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
    Suspended,
    /// The terminal is gone.
    Closed,
}

impl RawMode {
    /// Makes the terminal raw. With `watch_signals`, signals that end or stop the process restore it first.
    pub(super) fn enter(terminal: &Arc<OwnedFd>, watch_signals: bool) -> Result<Self, RawError> {
        install_hook();
        let mut active = active();
        if active.is_some() {
            return Err(RawError::Busy);
        }
        let before = modes(terminal)?;
        // A signal that comes now waits for the lock.
        let signals = watch_signals.then(signals::Watch::start).transpose()?;
        let mut session = Active { terminal: Arc::clone(terminal), before, raw: false };
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
            active.restore();
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
        self.raw = true;
        Ok(())
    }

    fn restore(&mut self) {
        // In the background the terminal is another's; to change it would stop the process.
        if std::mem::take(&mut self.raw) && !self.in_background() {
            // Nothing can be done about a terminal that is gone. What was typed stays for who reads next.
            let _ = rustix::termios::tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
        }
    }

    fn resume(&mut self) {
        self.raw = !self.in_background();
        if self.raw {
            // A terminal that is gone fails here, too; reading from it tells.
            let _ = self.make_raw();
            RESUMED.notify_waiters();
        }
    }

    fn in_background(&self) -> bool {
        rustix::termios::tcgetpgrp(&self.terminal).is_ok_and(|group| group != rustix::process::getpgrp())
    }
}

/// Nothing that holds it can panic.
fn active() -> MutexGuard<'static, Option<Active>> {
    ACTIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether there can be a session on this file.
pub(super) fn check(terminal: impl AsFd) -> Result<(), RawError> {
    modes(terminal)?;
    if active().is_some() { Err(RawError::Busy) } else { Ok(()) }
}

fn modes(terminal: impl AsFd) -> Result<Termios, RawError> {
    rustix::termios::tcgetattr(terminal).map_err(|err| match err {
        Errno::NOTTY => RawError::NotATerminal,
        err => RawError::Io(err.into()),
    })
}

/// Makes the terminal what it was before the session. Whether there is one.
pub(super) fn suspend() -> bool {
    active().as_mut().map(Active::restore).is_some()
}

/// Makes the terminal of a session that goes on raw again.
pub(super) fn resume() {
    if let Some(active) = active().as_mut() {
        active.resume();
    }
}

/// Reads what was typed, without waiting for it.
pub(super) fn read(buffer: &mut [u8]) -> io::Result<Read> {
    // Held so that the mode does not change meanwhile.
    let active = active();
    let Some(Active { terminal, raw: true, .. }) = &*active else { return Ok(Read::Suspended) };
    // A shell may have changed the mode while the process was stopped: then a read would wait for a whole line.
    let mut poll = [PollFd::new(terminal, PollFlags::IN)];
    rustix::event::poll(&mut poll, Some(&Timespec::default()))?;
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
            // The process outlives a panic of any thread but the first, and with it a session that is not that thread's;
            // one that is restores the terminal as it unwinds.
            if in_session && cfg!(panic = "unwind") && thread::current().name() != Some("main") {
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
        let terminal = Arc::new(terminal);
        let mut own = tcgetattr(&terminal).unwrap();
        own.local_modes -= LocalModes::ECHOE;
        own.special_codes[SpecialCodeIndex::VINTR] = 0x0b;
        rustix::termios::tcsetattr(&terminal, OptionalActions::Now, &own).unwrap();
        let before = modes(&terminal);

        let raw = RawMode::enter(&terminal, true).unwrap();
        assert!(is_raw(&terminal));
        assert!(suspend());
        assert_eq!(modes(&terminal), before);
        resume();
        assert!(is_raw(&terminal));
        drop(raw);
        assert_eq!(modes(&terminal), before);
        assert!(!suspend());
        resume();
        assert_eq!(modes(&terminal), before);
    }

    #[test]
    fn there_is_one_session_at_a_time() {
        let _guard = one_at_a_time();
        let (_user, terminal) = pty();
        let terminal = Arc::new(terminal);
        let first = RawMode::enter(&terminal, true).unwrap();
        assert!(matches!(RawMode::enter(&terminal, true), Err(RawError::Busy)));
        assert!(is_raw(&terminal));
        drop(first);
        drop(RawMode::enter(&terminal, true).unwrap());
    }

    #[test]
    fn a_file_is_no_terminal() {
        let _guard = one_at_a_time();
        for file in ["/dev/null", "/dev/zero"] {
            let file = std::fs::File::open(file).unwrap().into();
            assert!(matches!(RawMode::enter(&Arc::new(file), true), Err(RawError::NotATerminal)));
        }
        assert!(!suspend());
    }
}
