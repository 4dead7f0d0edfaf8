//! What is typed on the terminal.
use std::{
    io::{self, PipeReader, PipeWriter},
    os::fd::OwnedFd,
    pin::pin,
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
};

use rustix::event::{PollFd, PollFlags};
use tokio::sync::oneshot;

use super::{
    detach::{DetachKeys, Matcher},
    raw::{self, Read},
};

/// How many bytes are read at once.
const CHUNK: usize = 4096;

/// The keys of a raw terminal.
///
/// A read takes what is there when it is asked for, so that what is typed after the last one is for whoever has the
/// terminal next. tokio's standard input reads ahead: it would take one key more, and hold up the end of the runtime
/// until that is pressed.
#[derive(Debug)]
pub(super) struct Keys {
    waiter: Waiter,
    detach: Option<Matcher>,
}

/// What was typed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// At least one byte, for the remote process.
    Bytes(Vec<u8>),
    /// The keys that leave, and what came before them.
    Detach(Vec<u8>),
}

impl Keys {
    /// Of the terminal that is raw.
    pub(super) fn new(terminal: &Arc<OwnedFd>, detach: Option<&DetachKeys>) -> io::Result<Self> {
        Ok(Self { waiter: Waiter::start(Arc::clone(terminal))?, detach: detach.map(Matcher::new) })
    }

    /// Waits for keys. An error when the terminal is gone. Dropped, it has read nothing.
    pub(super) async fn read(&mut self) -> io::Result<Typed> {
        loop {
            let mut resumed = pin!(raw::RESUMED.notified());
            resumed.as_mut().enable();
            self.waiter.readable().await?;
            let mut typed = Vec::new();
            let (detached, last) = read_all(raw::read, self.detach.as_mut(), &mut typed)?;
            if detached {
                return Ok(Typed::Detach(typed));
            }
            if !typed.is_empty() {
                return Ok(Typed::Bytes(typed));
            }
            match last {
                Read::Closed => return Err(gone()),
                Read::NotRaw => resumed.await,
                Read::Bytes(_) | Read::Nothing => {}
            }
        }
    }
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the terminal is gone")
}

/// A thread that waits for the terminal when it is asked to, and reads nothing. Dropping this ends it.
#[derive(Debug)]
struct Waiter {
    asked: Option<oneshot::Receiver<()>>,
    ask: Option<mpsc::Sender<oneshot::Sender<()>>>,
    /// Closing it ends the wait.
    end: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl Waiter {
    fn start(terminal: Arc<OwnedFd>) -> io::Result<Self> {
        let (ended, end) = io::pipe()?;
        let (ask, asked) = mpsc::channel();
        let run = move || wait(&terminal, &ended, &asked);
        let thread = thread::Builder::new().name("terminal-keys".to_owned()).spawn(run)?;
        Ok(Self { asked: None, ask: Some(ask), end: Some(end), thread: Some(thread) })
    }

    /// Waits until there is something to read. Dropped, the wait goes on for the next call.
    async fn readable(&mut self) -> io::Result<()> {
        let answer = self.asked.get_or_insert_with(|| {
            let (answer, asked) = oneshot::channel();
            if let Some(ask) = &self.ask {
                // A thread that is gone drops its end of the answer.
                let _ = ask.send(answer);
            }
            asked
        });
        let answered = answer.await;
        self.asked = None;
        answered.map_err(|_| gone())
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        drop((self.end.take(), self.ask.take()));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn wait(terminal: &OwnedFd, ended: &PipeReader, asked: &mpsc::Receiver<oneshot::Sender<()>>) {
    for answer in asked {
        let mut poll = [PollFd::new(terminal, PollFlags::IN), PollFd::new(ended, PollFlags::IN)];
        if rustix::io::retry_on_intr(|| rustix::event::poll(&mut poll, None)).is_err() {
            return;
        }
        let [_, ended] = poll;
        if !ended.revents().is_empty() {
            return;
        }
        // Whoever asked may have gone away.
        let _ = answer.send(());
    }
}

/// Appends what was typed, up to [`CHUNK`] bytes and none behind the keys that leave. Whether these came, and what the
/// last read found. What was typed before a read failed comes first: the next one fails again.
fn read_all(
    mut read: impl FnMut(&mut [u8]) -> io::Result<Read>,
    mut detach: Option<&mut Matcher>,
    typed: &mut Vec<u8>,
) -> io::Result<(bool, Read)> {
    let mut buffer = [0; CHUNK];
    loop {
        let room = CHUNK.saturating_sub(typed.len());
        let room = detach.as_ref().map_or(room, |detach| room.min(detach.missing()));
        let buffer = buffer.get_mut(..room).unwrap_or_default();
        if buffer.is_empty() {
            return Ok((false, Read::Bytes(0)));
        }
        let found = match read(buffer) {
            Err(_) if !typed.is_empty() => Read::Nothing,
            found => found?,
        };
        let Read::Bytes(count) = found else { return Ok((false, found)) };
        let bytes = buffer.get(..count).unwrap_or_default();
        if let Some(detach) = &mut detach {
            if detach.feed(bytes, typed) {
                return Ok((true, found));
            }
        } else {
            typed.extend_from_slice(bytes);
        }
    }
}

#[cfg(test)]
#[allow(clippy::await_holding_lock, reason = "each test has a runtime of its own")]
mod tests {
    use std::{fs::File, io::Write as _, time::Duration};

    use tokio::time::timeout;

    use super::{
        super::{
            raw::{RawMode, Reserved},
            tests::{one_at_a_time, pty},
        },
        *,
    };

    const SOON: Duration = Duration::from_secs(60);
    const A_WHILE: Duration = Duration::from_millis(50);

    /// The user's side of a raw terminal, and its keys.
    fn keys(detach: Option<&str>) -> (File, (RawMode, Reserved), Keys) {
        let (user, terminal) = pty();
        let terminal = Reserved::new(terminal).unwrap();
        let raw = RawMode::enter(&terminal, false).unwrap();
        let detach: Option<DetachKeys> = detach.map(|keys| keys.parse().unwrap());
        let keys = Keys::new(terminal.file(), detach.as_ref()).unwrap();
        (File::from(user), (raw, terminal), keys)
    }

    async fn bytes(keys: &mut Keys) -> Vec<u8> {
        match timeout(SOON, keys.read()).await.unwrap().unwrap() {
            Typed::Bytes(bytes) => bytes,
            other @ Typed::Detach(_) => panic!("{other:?}"),
        }
    }

    /// Reads until so many bytes have come: a terminal hands over a large text in parts.
    async fn all(keys: &mut Keys, count: usize) -> Vec<u8> {
        let mut read = Vec::new();
        while read.len() < count {
            read.extend(bytes(keys).await);
        }
        read
    }

    /// Waits until so many bytes can be read: it is a thread of the kernel that brings them.
    async fn arrived(terminal: &OwnedFd, count: usize) {
        let wait = async {
            while rustix::io::ioctl_fionread(terminal).unwrap() != count as u64 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(SOON, wait).await.unwrap();
    }

    #[tokio::test]
    async fn every_byte_goes_through() {
        let _guard = one_at_a_time();
        let (mut user, _raw, mut keys) = keys(None);
        let every: Vec<u8> = (0..=255).collect();
        user.write_all(&every).unwrap();
        assert_eq!(all(&mut keys, every.len()).await, every);
        assert!(timeout(A_WHILE, keys.read()).await.is_err());
        user.write_all(b"x").unwrap();
        assert_eq!(bytes(&mut keys).await, b"x");
    }

    #[tokio::test]
    async fn what_nobody_asked_for_is_not_read() {
        let _guard = one_at_a_time();
        let (mut user, (raw, terminal), mut keys) = keys(None);
        user.write_all(b"first").unwrap();
        assert_eq!(bytes(&mut keys).await, b"first");
        assert!(timeout(A_WHILE, keys.read()).await.is_err());
        user.write_all(b"second\n").unwrap();
        arrived(terminal.file(), b"second\n".len()).await;
        tokio::time::sleep(A_WHILE).await;
        drop((keys, raw));
        let mut left = [0; 32];
        let count = rustix::io::read(terminal.file(), &mut left).unwrap();
        assert_eq!(&left[..count], b"second\n");
    }

    #[tokio::test]
    async fn nothing_behind_the_keys_that_leave_is_read() {
        let _guard = one_at_a_time();
        for detach in ["~", "~,.", "~,.,~", "a,a,a,b"] {
            let (mut user, (raw, terminal), mut keys) = keys(Some(detach));
            let sequence = detach.replace(',', "");
            let text = format!("xyz{sequence}behind\n");
            user.write_all(text.as_bytes()).unwrap();
            arrived(terminal.file(), text.len()).await;
            let typed = timeout(SOON, keys.read()).await.unwrap().unwrap();
            assert_eq!(typed, Typed::Detach(b"xyz".to_vec()), "{detach}");
            drop((keys, raw));
            let mut left = [0; 32];
            let count = rustix::io::read(terminal.file(), &mut left).unwrap();
            assert_eq!(&left[..count], b"behind\n", "{detach}");
        }
    }

    #[tokio::test]
    async fn a_beginning_of_the_keys_that_leave_waits() {
        let _guard = one_at_a_time();
        let (mut user, _raw, mut keys) = keys(Some("ctrl-p,ctrl-q"));
        user.write_all(b"\x10").unwrap();
        assert!(timeout(A_WHILE, keys.read()).await.is_err());
        user.write_all(b"x").unwrap();
        assert_eq!(bytes(&mut keys).await, b"\x10x");
        let paste = "abc\x10".repeat(1000);
        let (text, mut hand) = (paste.clone(), user.try_clone().unwrap());
        let pasted = tokio::task::spawn_blocking(move || hand.write_all(text.as_bytes()).unwrap());
        let read = all(&mut keys, paste.len() - 1).await;
        pasted.await.unwrap();
        assert_eq!(read, &paste.as_bytes()[..paste.len() - 1]);
    }

    #[tokio::test]
    async fn keys_wait_while_the_terminal_is_not_raw() {
        let _guard = one_at_a_time();
        let (mut user, _raw, mut keys) = keys(None);
        raw::stop();
        user.write_all(b"line\n").unwrap();
        assert!(timeout(A_WHILE, keys.read()).await.is_err());
        let (typed, ()) = tokio::join!(bytes(&mut keys), async { raw::go_on() });
        assert_eq!(typed, b"line\n");
    }

    #[tokio::test]
    async fn a_terminal_that_is_gone_is_an_error() {
        let _guard = one_at_a_time();
        let (mut user, _raw, mut keys) = keys(None);
        user.write_all(b"last").unwrap();
        assert_eq!(bytes(&mut keys).await, b"last");
        let (gone, ()) = tokio::join!(timeout(SOON, keys.read()), async { drop(user) });
        assert_eq!(gone.unwrap().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn what_was_typed_comes_before_an_error() {
        let mut reads = vec![Err(io::Error::other("read")), Ok(Read::Bytes(3))];
        let mut read = |buffer: &mut [u8]| {
            buffer[..3].copy_from_slice(b"abc");
            reads.pop().unwrap_or_else(|| Err(io::Error::other("the same")))
        };
        let mut typed = Vec::new();
        assert_eq!(read_all(&mut read, None, &mut typed).unwrap(), (false, Read::Nothing));
        assert_eq!(typed, b"abc");
        typed.clear();
        assert!(read_all(read, None, &mut typed).is_err());
    }
}
