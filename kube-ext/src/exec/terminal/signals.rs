//! The signals that end or stop the process, while a terminal is raw.
use std::{
    ffi::c_int,
    fs, io,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use signal_hook::{
    consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP},
    flag,
    iterator::{Handle, Signals},
    low_level::emulate_default_handler,
};

use super::raw;

/// They end or stop the process, unless it does something else with them.
const FATAL: [c_int; 5] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP];

/// Whether signals do what they do by default: while no session watches them.
static DEFAULT: AtomicBool = AtomicBool::new(true);

/// Makes the terminal raw again after a stop and, if asked to, restores it before a signal ends or stops the process.
/// Until it is dropped.
#[derive(Debug)]
pub(super) struct Watch {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub(super) fn start(restore: bool) -> io::Result<Self> {
        let fatal = if restore { ours()? } else { &[] };
        let mut signals = Signals::new(fatal.iter().chain([&SIGCONT]))?;
        let handle = signals.handle();
        let run = move || {
            for signal in &mut signals {
                on_signal(signal);
            }
            // Those that came when the session was at its end: the terminal is restored.
            for signal in signals.pending() {
                let _ = emulate_default_handler(signal);
            }
        };
        let thread = thread::Builder::new().name("terminal-signals".to_owned()).spawn(run)?;
        DEFAULT.store(!restore, Ordering::SeqCst);
        Ok(Self { handle, thread: Some(thread) })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        DEFAULT.store(true, Ordering::SeqCst);
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn on_signal(signal: c_int) {
    match signal {
        // Whoever had the terminal meanwhile has left it in a mode of its own.
        SIGCONT => raw::go_on(),
        SIGTSTP => {
            raw::stop();
            // Returns when the process goes on.
            let _ = emulate_default_handler(signal);
            raw::go_on();
        }
        signal => {
            raw::stop();
            let _ = emulate_default_handler(signal);
        }
    }
}

/// The signals that are ours to take: those that had their default effect when the first session began. One that is
/// ignored (`nohup`) stays ignored, and one that the program handles is the program's.
///
/// A handler, once it is there, replaces the default effect for good: between sessions it has that effect itself.
fn ours() -> io::Result<&'static [c_int]> {
    static OURS: OnceLock<Vec<c_int>> = OnceLock::new();
    if let Some(ours) = OURS.get() {
        return Ok(ours);
    }
    let taken = fs::read_to_string("/proc/self/status").map_or(0, |status| taken(&status));
    let ours: Vec<_> = FATAL.into_iter().filter(|signal| taken & bit(*signal) == 0).collect();
    for signal in &ours {
        flag::register_conditional_default(*signal, &DEFAULT)?;
    }
    Ok(OURS.get_or_init(|| ours))
}

fn bit(signal: c_int) -> u64 {
    1 << (signal - 1)
}

/// The signals without their default effect, a bit for each, from proc(5)'s `status`. Other systems have no such file,
/// and no other way to ask without unsafe code.
fn taken(status: &str) -> u64 {
    let mask = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        u64::from_str_radix(line.trim(), 16).ok()
    };
    mask("SigIgn:").unwrap_or_default() | mask("SigCgt:").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_that_are_taken() {
        let status = "Name:\tsh\nSigQ:\t1/2\nSigBlk:\tffffffffffffffff\nSigIgn:\t0000000000001001\nSigCgt:\t0000000180004002\n";
        assert_eq!(taken(status), 0x1_8000_5003);
        for (signal, is_taken) in
            [(SIGHUP, true), (SIGINT, true), (SIGTERM, true), (SIGQUIT, false), (SIGTSTP, false)]
        {
            assert_eq!(taken(status) & bit(signal) != 0, is_taken, "{signal}");
        }
        assert_eq!(taken(""), 0);
    }
}
