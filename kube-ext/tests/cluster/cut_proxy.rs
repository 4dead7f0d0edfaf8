//! A way to the cluster that is cut in the middle of bytes, and whose watches are too old now and then.

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{Request, Response, Uri};
use kube::{Client, Config, client::Body};
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
    time::sleep,
};

/// A port of this machine that leads to the cluster until this is dropped, and a client that goes there.
pub(crate) struct CutProxy {
    pub(crate) client: Client,
    fuse: Arc<Fuse>,
    accepting: JoinHandle<()>,
}

#[derive(Default)]
struct Fuse {
    /// So many bytes of the server pass until a connection is cut.
    left: Mutex<Option<usize>>,
    cuts: AtomicUsize,
    is_too_old: AtomicBool,
    bytes: AtomicUsize,
}

impl CutProxy {
    pub(crate) async fn new(config: Config) -> Self {
        let mut config = config;
        let host = config.cluster_url.host().unwrap().to_owned();
        let server = format!("{host}:{}", config.cluster_url.port_u16().unwrap_or(443));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut parts = config.cluster_url.into_parts();
        parts.authority = Some(listener.local_addr().unwrap().to_string().parse().unwrap());
        config.cluster_url = Uri::from_parts(parts).unwrap();
        config.tls_server_name.get_or_insert(host);
        let fuse = Arc::new(Fuse::default());
        let accepting = tokio::spawn(accept(listener, server, fuse.clone()));
        let (namespace, client) = (config.default_namespace.clone(), Client::try_from(config).unwrap());
        let service = tower::service_fn({
            let fuse = fuse.clone();
            move |request| send(client.clone(), fuse.clone(), request)
        });
        Self { client: Client::new(service, namespace), fuse, accepting }
    }

    /// Cuts a connection when so many bytes more have come from the server, and returns when it has.
    pub(crate) async fn cut(&self, bytes: usize) {
        let before = self.cuts();
        *self.fuse.left.lock().unwrap() = Some(bytes);
        until(|| self.cuts() > before).await;
    }

    /// The next watch that goes on from a version is told that it is too old.
    pub(crate) fn expire(&self) {
        self.fuse.is_too_old.store(true, Ordering::SeqCst);
    }

    pub(crate) fn cuts(&self) -> usize {
        self.fuse.cuts.load(Ordering::SeqCst)
    }

    /// How many bytes have come from the server.
    pub(crate) fn bytes(&self) -> usize {
        self.fuse.bytes.load(Ordering::SeqCst)
    }
}

impl Drop for CutProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn send(client: Client, fuse: Arc<Fuse>, request: Request<Body>) -> kube::Result<Response<Body>> {
    let uri = request.uri().to_string();
    let goes_on = uri.contains("watch=true") && !uri.contains("sendInitialEvents");
    if !goes_on || !fuse.is_too_old.swap(false, Ordering::SeqCst) {
        return client.send(request).await;
    }
    // In a server's words: one of so short a life may remember all of it, and one that does not says this itself.
    let status = json!({
        "apiVersion": "v1", "kind": "Status", "status": "Failure", "code": 410, "reason": "Expired",
        "message": "too old resource version: 1",
    });
    let event = format!("{}\n", json!({"type": "ERROR", "object": status}));
    Ok(Response::new(event.into_bytes().into()))
}

async fn accept(listener: TcpListener, server: String, fuse: Arc<Fuse>) {
    // They end with it.
    let mut connections = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let (server, fuse) = (server.clone(), fuse.clone());
        connections.spawn(async move {
            let server = TcpStream::connect(server).await.unwrap();
            serve(client, server, &fuse).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(mut client: TcpStream, mut server: TcpStream, fuse: &Fuse) {
    for stream in [&client, &server] {
        stream.set_nodelay(true).unwrap();
    }
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let cut = tokio::select! {
        end = pass_on(from_client, to_server, Ok) => end,
        end = pass_on(from_server, to_client, |count| fuse.burn(count)) => end,
    };
    let Err(Cut(number)) = cut else { return };
    // Every other one is reset, and the others end, in the middle of a message all of them.
    if number % 2 == 0 {
        for stream in [&client, &server] {
            let _ = stream.set_zero_linger();
        }
    }
}

/// It is cut, as so many before.
struct Cut(usize);

impl Fuse {
    /// So many bytes are to pass: fewer of them do if it is to be cut behind those.
    fn burn(&self, count: usize) -> Result<usize, (usize, Cut)> {
        self.bytes.fetch_add(count, Ordering::SeqCst);
        let mut left = self.left.lock().unwrap();
        match left.map(|left| left.checked_sub(count).ok_or(left)) {
            None => Ok(count),
            Some(Ok(rest)) => {
                *left = Some(rest);
                Ok(count)
            }
            Some(Err(last)) => {
                *left = None;
                Err((last, Cut(self.cuts.fetch_add(1, Ordering::SeqCst))))
            }
        }
    }
}

async fn pass_on(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    burn: impl Fn(usize) -> Result<usize, (usize, Cut)>,
) -> Result<(), Cut> {
    let mut buffer = [0; 16 * 1024];
    loop {
        let Ok(count @ 1..) = from.read(&mut buffer).await else { return Ok(()) };
        let (passes, cut) = match burn(count) {
            Ok(count) => (count, None),
            Err((count, cut)) => (count, Some(cut)),
        };
        let written: io::Result<()> = to.write_all(&buffer[..passes]).await;
        if let Some(cut) = cut {
            return Err(cut);
        }
        if written.is_err() {
            return Ok(());
        }
    }
}

/// Waits until it is so.
pub(crate) async fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        sleep(Duration::from_millis(2)).await;
    }
}
