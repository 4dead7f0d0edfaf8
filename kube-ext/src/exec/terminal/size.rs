//! The size of the terminal.
use std::{
    future, io,
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
};

use kube::api::TerminalSize;
use signal_hook::consts::SIGCONT;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// In characters; neither is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) width: u16,
    pub(super) height: u16,
}

impl Size {
    /// The size of a terminal, if it knows its size.
    pub(super) fn of(terminal: impl AsFd) -> Option<Self> {
        let size = rustix::termios::tcgetwinsize(terminal).ok()?;
        let size = Self { width: size.ws_col, height: size.ws_row };
        (size.width > 0 && size.height > 0).then_some(size)
    }

    /// A size that makes a full-screen program draw itself anew when the true one follows.
    pub(super) fn one_more(self) -> TerminalSize {
        TerminalSize { width: self.width.saturating_add(1), height: self.height.saturating_add(1) }
    }
}

impl From<Size> for TerminalSize {
    fn from(Size { width, height }: Size) -> Self {
        Self { width, height }
    }
}

/// The sizes that the terminal takes.
#[derive(Debug)]
pub(super) struct Sizes {
    terminal: Arc<OwnedFd>,
    changed: Signal,
    /// A process that is stopped is told of no change.
    continued: Signal,
    last: Option<Size>,
}

impl Sizes {
    /// From the size on that was seen last.
    pub(super) fn new(terminal: Arc<OwnedFd>, last: Option<Size>) -> io::Result<Self> {
        let changed = signal(SignalKind::window_change())?;
        let continued = signal(SignalKind::from_raw(SIGCONT))?;
        Ok(Self { terminal, changed, continued, last })
    }

    /// The size is another one that the remote terminal was told.
    pub(super) fn told(&mut self, size: Option<Size>) {
        self.last = size;
    }

    /// Waits until the size is another than the last one. Of several changes only the latest counts. Dropped, it loses
    /// none.
    pub(super) async fn next(&mut self) -> Size {
        loop {
            if let Some(size) = Size::of(&self.terminal).filter(|size| Some(*size) != self.last) {
                self.last = Some(size);
                return size;
            }
            let told = tokio::select! {
                told = self.changed.recv() => told,
                told = self.continued.recv() => told,
            };
            if told.is_none() {
                // No signal comes any more.
                future::pending::<()>().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rustix::termios::{Winsize, tcsetwinsize};
    use tokio::time::timeout;

    use super::{super::tests::pty, *};

    fn resize(terminal: impl AsFd, width: u16, height: u16) {
        tcsetwinsize(terminal, Winsize { ws_row: height, ws_col: width, ws_xpixel: 0, ws_ypixel: 0 })
            .unwrap();
    }

    fn changed() {
        signal_hook::low_level::raise(signal_hook::consts::SIGWINCH).unwrap();
    }

    #[test]
    fn a_terminal_may_not_know_its_size() {
        let (_user, terminal) = pty();
        for (width, height) in [(0, 0), (80, 0), (0, 24)] {
            resize(&terminal, width, height);
            assert_eq!(Size::of(&terminal), None);
        }
        resize(&terminal, 80, 24);
        assert_eq!(Size::of(&terminal), Some(Size { width: 80, height: 24 }));
        assert_eq!(Size::of(std::fs::File::open("/dev/null").unwrap()), None);
    }

    #[tokio::test]
    async fn the_latest_size_counts() {
        let soon = Duration::from_secs(60);
        let (_user, terminal) = pty();
        resize(&terminal, 80, 24);
        let mut sizes = Sizes::new(Arc::new(terminal), None).unwrap();
        let terminal = Arc::clone(&sizes.terminal);
        assert_eq!(timeout(soon, sizes.next()).await.unwrap(), Size { width: 80, height: 24 });

        for width in 81..=90 {
            resize(&terminal, width, 24);
            changed();
        }
        assert_eq!(timeout(soon, sizes.next()).await.unwrap(), Size { width: 90, height: 24 });
        // The signals of the sizes in between are no changes.
        assert!(timeout(Duration::from_millis(50), sizes.next()).await.is_err());

        let next = tokio::spawn(async move { sizes.next().await });
        tokio::task::yield_now().await;
        resize(&terminal, 40, 10);
        changed();
        assert_eq!(timeout(soon, next).await.unwrap().unwrap(), Size { width: 40, height: 10 });
    }

    #[tokio::test]
    async fn what_the_next_remote_terminal_was_told_counts() {
        let soon = Duration::from_secs(60);
        let (_user, terminal) = pty();
        resize(&terminal, 80, 24);
        let mut sizes = Sizes::new(Arc::new(terminal), Some(Size { width: 80, height: 24 })).unwrap();
        // While it began, the terminal had another size.
        sizes.told(Some(Size { width: 90, height: 24 }));
        assert_eq!(timeout(soon, sizes.next()).await.unwrap(), Size { width: 80, height: 24 });
    }
}
