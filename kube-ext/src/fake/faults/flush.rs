//! A connection that says when all that was written to it is out.
use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::watch,
};

/// A connection that counts its flushes. hyper flushes a connection when none of what it has to send is left with it.
#[derive(Debug)]
pub(crate) struct Flushing {
    stream: TcpStream,
    flushes: watch::Sender<()>,
}

/// Knows of the flushes of a [`Flushing`].
#[derive(Clone, Debug)]
pub(crate) struct Flushed(watch::Receiver<()>);

impl Flushing {
    pub(crate) fn new(stream: TcpStream) -> (Self, Flushed) {
        let (flushes, receiver) = watch::channel(());
        (Self { stream, flushes }, Flushed(receiver))
    }
}

impl Flushed {
    /// Waits until all that a body gave to hyper before is with the kernel, which delivers it even if the connection is
    /// closed then. To be called from within that body: hyper flushes after it had to wait for one.
    pub(crate) async fn all(&mut self) {
        self.0.mark_unchanged();
        // An error says that the connection is gone.
        let _ = self.0.changed().await;
    }
}

impl AsyncRead for Flushing {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Flushing {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.flushes.send_replace(());
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
