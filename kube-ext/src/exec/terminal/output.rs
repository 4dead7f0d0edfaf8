//! Local standard output.
use std::{
    io::{self, Write as _},
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
};

use rustix::{
    event::{PollFd, PollFlags},
    io::Errno,
};
use tokio::task::spawn_blocking;

/// Standard output. A terminal that takes its time, or has been stopped, holds up a thread of its own and no task.
#[derive(Debug)]
pub(super) struct Output(Arc<OwnedFd>);

impl Output {
    /// Behind what the program has printed.
    pub(super) fn stdout() -> io::Result<Self> {
        io::stdout().flush()?;
        Ok(Self::new(io::stdout().as_fd().try_clone_to_owned()?))
    }

    fn new(file: OwnedFd) -> Self {
        Self(Arc::new(file))
    }

    /// Writes all the bytes, and hands the buffer back, empty. Dropped, it goes on in the background.
    pub(super) async fn write(&self, mut bytes: Vec<u8>) -> io::Result<Vec<u8>> {
        let file = Arc::clone(&self.0);
        let write = move || {
            write_all(&file, &bytes)?;
            bytes.clear();
            Ok(bytes)
        };
        spawn_blocking(write).await.map_err(io::Error::other)?
    }
}

fn write_all(file: impl AsFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(&file, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            // Whoever else has the file open may have set it so.
            Err(Errno::AGAIN) => {
                rustix::io::retry_on_intr(|| {
                    rustix::event::poll(&mut [PollFd::new(&file, PollFlags::OUT)], None)
                })?;
            }
            Err(Errno::INTR) => {}
            Err(err) => return Err(err.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{io::Read as _, thread, time::Duration};

    use super::*;

    #[tokio::test]
    async fn a_reader_that_is_slow_gets_all() {
        let (mut reader, writer) = io::pipe().unwrap();
        rustix::io::ioctl_fionbio(&writer, true).unwrap();
        let output = Output::new(writer.into());
        let bytes: Vec<u8> = (0..1_000_000_u32).map(|at| at.to_le_bytes()[0]).collect();
        let read = thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            let mut all = Vec::new();
            reader.read_to_end(&mut all).unwrap();
            all
        });
        let empty = tokio::time::timeout(Duration::from_secs(60), output.write(bytes.clone())).await.unwrap();
        assert!(empty.unwrap().is_empty());
        drop(output);
        assert!(read.join().unwrap() == bytes);
    }

    #[tokio::test]
    async fn a_reader_that_is_gone_is_an_error() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let err = Output::new(writer.into()).write(b"x".to_vec()).await.unwrap_err();
        assert_eq!(err.kind(), io::ErrorKind::BrokenPipe);
    }
}
