//! A pty with the program of these tests on it.
use std::{
    io::{Read as _, Write as _},
    os::unix::process::ExitStatusExt as _,
    process::{Child, ExitStatus},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use pty_process::{
    Size,
    blocking::{Command, Pts, Pty},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, Signal},
    termios::{LocalModes, OptionalActions, OutputModes, Termios, tcgetattr, tcsetattr},
};

use crate::program;

/// How long anything may take. Generous: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// Held by whoever starts a process: the other end of a new terminal is for a moment inherited by all that start, and a
/// window that one of them holds is never closed.
pub(crate) fn starting() -> MutexGuard<'static, ()> {
    static STARTING: Mutex<()> = Mutex::new(());
    STARTING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The program, and what it shows.
pub(crate) struct Screen {
    pty: Option<Arc<Pty>>,
    /// Kept open, so that the pty outlives the program.
    terminal: Option<Pts>,
    reader: Option<JoinHandle<()>>,
    hung_up: Arc<AtomicBool>,
    child: Child,
    shown: Arc<Mutex<Vec<u8>>>,
    /// How much of it the test has waited for.
    seen: usize,
    before: Termios,
}

impl Screen {
    /// Starts the program on a terminal of 80x24.
    pub(crate) fn start(scenario: &str) -> Self {
        Self::with(scenario, "", |command| command)
    }

    /// Starts it behind some shell commands.
    pub(crate) fn after(setup: &str, scenario: &str) -> Self {
        Self::with(scenario, setup, |command| command)
    }

    pub(crate) fn with(scenario: &str, setup: &str, change: impl FnOnce(Command) -> Command) -> Self {
        let starting = starting();
        let (pty, terminal) = pty_process::blocking::open().unwrap();
        pty.resize(Size::new(24, 80)).unwrap();
        let before = tcgetattr(&pty).unwrap();
        let script = format!(r#"ulimit -c 0; {setup} exec "$@""#);
        let test = std::env::current_exe().unwrap();
        // Whoever started the tests may ignore signals, as a shell does for what runs in its background.
        let command = Command::new("env")
            .args(["--default-signal", "sh", "-c", &script, "sh"])
            .arg(test)
            .args(["--exact", program::TEST, "--ignored", "--nocapture"])
            .env(program::SCENARIO, scenario)
            .env("RUST_BACKTRACE", "0");
        let child = change(command).spawn_borrowed(&terminal).unwrap();
        drop(starting);
        let (pty, shown) = (Arc::new(pty), Arc::new(Mutex::new(Vec::new())));
        let hung_up = Arc::new(AtomicBool::new(false));
        let (from, to, end) = (Arc::clone(&pty), Arc::clone(&shown), Arc::clone(&hung_up));
        let reader = thread::spawn(move || {
            let mut buffer = [0; 4096];
            while !end.load(Ordering::Relaxed) {
                let a_moment = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
                if poll(&mut [PollFd::new(&from, PollFlags::IN)], Some(&a_moment)).unwrap() > 0 {
                    let Ok(count @ 1..) = (&*from).read(&mut buffer) else { return };
                    to.lock().unwrap().extend_from_slice(&buffer[..count]);
                }
            }
        });
        let (pty, terminal, reader) = (Some(pty), Some(terminal), Some(reader));
        Self { pty, terminal, reader, hung_up, child, shown, seen: 0, before }
    }

    /// What was shown since the last wait.
    pub(crate) fn unseen(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap()[self.seen..]).into_owned()
    }

    /// Waits until a text is shown, behind the one of the last wait, and returns what came before it.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        let (mut from, mut found) = (self.seen, None);
        let has_come = until(|| {
            let shown = self.shown.lock().unwrap();
            found = shown[from..].windows(text.len()).position(|window| window == text.as_bytes());
            if found.is_none() {
                from = from.max((shown.len() + 1).saturating_sub(text.len()));
            }
            found.is_some()
        });
        assert!(has_come, "{text:?} is not shown, but {:?}", self.unseen());
        let (start, end) = (self.seen, from + found.unwrap());
        self.seen = end + text.len();
        String::from_utf8_lossy(&self.shown.lock().unwrap()[start..end]).into_owned()
    }

    fn pty(&self) -> &Pty {
        self.pty.as_ref().unwrap()
    }

    pub(crate) fn type_keys(&self, keys: impl AsRef<[u8]>) {
        self.pty().write_all(keys.as_ref()).unwrap();
    }

    /// The terminal is raw, or becomes so, and keys reach the remote process.
    pub(crate) fn goes_on(&mut self) {
        assert!(until(|| self.is_raw()), "{}", self.unseen());
        self.type_keys("a");
        self.wait_for("<61>");
    }

    /// Has the remote process end.
    pub(crate) fn quit(&mut self) {
        self.type_keys("q");
        self.wait_for("code: 7");
    }

    pub(crate) fn resize(&self, width: u16, height: u16) {
        self.pty().resize(Size::new(height, width)).unwrap();
    }

    /// Whether keys and output go through as they are.
    pub(crate) fn is_raw(&self) -> bool {
        let modes = tcgetattr(self.pty()).unwrap();
        let cooked = LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG;
        !modes.local_modes.intersects(cooked) && !modes.output_modes.contains(OutputModes::OPOST)
    }

    /// Whether the terminal is as it was before the program began.
    pub(crate) fn is_restored(&self) -> bool {
        // The type has no comparison.
        format!("{:?}", tcgetattr(self.pty()).unwrap()) == format!("{:?}", self.before)
    }

    /// Makes it so, as a shell does when it has the terminal again.
    pub(crate) fn restore(&self) {
        tcsetattr(self.pty(), OptionalActions::Now, &self.before).unwrap();
    }

    /// The program is the process that was started, or the only child of that one.
    fn pid(&self) -> Pid {
        let pid = self.child.id();
        let children =
            std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        let child =
            children.split_whitespace().next().and_then(|child| Pid::from_raw(child.parse().unwrap()));
        child.unwrap_or_else(|| Pid::from_child(&self.child))
    }

    pub(crate) fn signal(&self, signal: Signal) {
        rustix::process::kill_process(self.pid(), signal).unwrap();
    }

    /// Whether the program is stopped.
    pub(crate) fn is_stopped(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        stat.rsplit_once(')').unwrap().1.trim_start().starts_with('T')
    }

    /// Closes the terminal, as a window is closed.
    pub(crate) fn hang_up(&mut self) {
        self.hung_up.store(true, Ordering::Relaxed);
        self.reader.take().unwrap().join().unwrap();
        self.terminal = None;
        self.pty = None;
    }

    /// Waits for the end of the program. It may have been ended by a signal.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        let ended = until(|| {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        assert!(ended, "the program does not end; it shows {:?}", self.unseen());
        status.unwrap()
    }

    /// The same, for one that is to be ended by a signal.
    pub(crate) fn ended_by(&mut self) -> Option<i32> {
        self.wait().signal()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Looks until something is so, for as long as one can bear.
pub(crate) fn until(mut is_so: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if is_so() {
            return true;
        }
        thread::sleep(Duration::from_millis(5));
    }
    false
}
