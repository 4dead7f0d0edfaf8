//! The port of a cluster, which stays its own while nothing listens on it.
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
};

use tokio::net::{TcpListener, TcpSocket};

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 1024;

/// Where several sockets may be bound to a port, of which one listens.
const SHARED: bool = cfg!(all(unix, not(any(target_os = "solaris", target_os = "illumos"))));

/// A port of loopback.
#[derive(Debug)]
pub(crate) struct Port {
    address: SocketAddr,
    /// Bound and not listening: it refuses connections, and nobody else gets the port.
    _reserved: Option<TcpSocket>,
}

impl Port {
    pub(crate) fn reserve() -> io::Result<Self> {
        let socket = socket()?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        Ok(Self { address: socket.local_addr()?, _reserved: SHARED.then_some(socket) })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn listen(&self) -> io::Result<TcpListener> {
        let socket = socket()?;
        socket.bind(self.address)?;
        socket.listen(BACKLOG)
    }
}

fn socket() -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    #[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos"))))]
    socket.set_reuseport(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn refuses_while_nobody_listens() {
        let port = Port::reserve().unwrap();
        let connect = || TcpStream::connect(port.address());
        assert_eq!(connect().await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        for _ in 0..3 {
            let listener = port.listen().unwrap();
            let client = connect().await.unwrap();
            let (server, _) = listener.accept().await.unwrap();
            drop(listener);
            assert_eq!(connect().await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
            drop((client, server));
        }
    }

    #[tokio::test]
    async fn nobody_else_gets_it() {
        let port = Port::reserve().unwrap();
        TcpListener::bind(port.address()).await.unwrap_err();
    }
}
