//! `pods/portforward` (`k8s.io/cri-streaming/pkg/streaming/portforward`): connections to what serves a port, and the
//! websocket with two channels for each port.
use std::{
    future::{Future, pending},
    io,
    pin::pin,
    sync::Arc,
    time::Duration,
};

use bytes::{BufMut as _, Bytes, BytesMut};
use futures::future::{Either, join_all, select, try_join};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    sync::mpsc,
};

use super::{
    super::{
        body::{self, Body},
        request::Query,
        server::Call,
        status::Failure,
    },
    Port, check_upgrade,
    handle::Connection,
    no_protocol,
    place::{Life, Place},
    process::PIPE,
    socket::{self, Gone, PIECE, Receiver, Sender, race},
    tunnel,
};

/// How many messages wait for the other side of a connection.
pub(super) const WAITING: usize = 4;

/// How long one direction of a connection outlives the other, as in containerd.
const GRACE: Duration = Duration::from_secs(1);

const CHANNELS: &str = "v4.channel.k8s.io";
const TUNNEL: &str = "SPDY/3.1+portforward.k8s.io";

pub(super) fn answer(
    call: &Call,
    place: Place,
    request: Request<Incoming>,
) -> Result<Response<Body>, Failure> {
    let ports = api_ports(&call.info.query)?;
    check_upgrade(call, &place)?;

    // From here on it is the kubelet that answers: with plain text.
    let offered = socket::offered(&call.headers);
    let offers = |protocol: &str| offered.iter().any(|offer| offer == protocol);
    let is_tunnel = offers(TUNNEL);
    if !is_tunnel && let Err(message) = check_ports(&ports) {
        return Ok(body::text(StatusCode::BAD_REQUEST, message));
    }
    if place.is_done() {
        let message = format!("pod not found (\"{}_{}\")", place.name(), place.namespace());
        return Ok(body::text(StatusCode::INTERNAL_SERVER_ERROR, message));
    }
    if !is_tunnel && !offers(CHANNELS) {
        return Ok(no_protocol(call));
    }
    if call.method != Method::GET {
        return Ok(body::text(StatusCode::METHOD_NOT_ALLOWED, "bad method"));
    }
    let backend = Arc::new(Backend { life: place.life(None), place });
    Ok(if is_tunnel {
        let session = |sender, receiver| tunnel::serve(backend, sender, receiver);
        socket::upgrade(call, request, TUNNEL, session)
    } else {
        let session = move |sender, receiver| serve(backend, ports, sender, receiver);
        socket::upgrade(call, request, CHANNELS, session)
    })
}

/// The ports as the API server reads them.
fn api_ports(query: &Query) -> Result<Vec<u16>, Failure> {
    let ports = query.all("ports").flat_map(|ports| ports.split(','));
    ports
        .map(|port| {
            port.parse().map_err(|_| {
                let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
                let why = if is_number { "value out of range" } else { "invalid syntax" };
                let message =
                    format!("cannot convert to []int32: strconv.ParseUint: parsing {port:?}: {why}");
                Failure::bad_request(message)
            })
        })
        .collect()
}

fn check_ports(ports: &[u16]) -> Result<(), String> {
    if ports.is_empty() {
        return Err("query parameter \"port\" is required".to_owned());
    }
    if ports.contains(&0) {
        let all: Vec<_> = ports.iter().map(u16::to_string).collect();
        return Err(format!("port \"{}\" must be > 0", all.join(",")));
    }
    Ok(())
}

/// What is behind the ports of a pod.
#[derive(Debug)]
pub(super) struct Backend {
    place: Place,
    pub(super) life: Life,
}

/// Something that bytes go to and come from.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Backend {
    /// Forwards one connection: what comes from `input` goes to the port, what comes from there to `output`, with room for
    /// `head` bytes before it. An error has the kubelet's words.
    pub(super) async fn forward<F>(
        &self,
        port: u16,
        head: usize,
        mut input: mpsc::Receiver<Bytes>,
        output: impl Fn(BytesMut) -> F,
    ) -> Result<(), String>
    where
        F: Future<Output = bool>,
    {
        let (stream, served) = self.connect(port).await.map_err(|error| self.refusal(port, &error))?;
        let (mut from, mut to) = tokio::io::split(stream);
        let up = async {
            while let Some(bytes) = input.recv().await {
                if to.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            let _ = to.shutdown().await;
        };
        let down = async {
            loop {
                let mut message = BytesMut::with_capacity(head + PIECE);
                message.put_bytes(0, head);
                match from.read_buf(&mut message).await {
                    Ok(0) | Err(_) => return,
                    Ok(_) => (),
                }
                if !output(message).await {
                    return;
                }
            }
        };
        // Some time for the other direction, as containerd gives it; none if what serves the port has ended.
        match select(pin!(up), pin!(down)).await {
            Either::Left(((), down)) => drop(tokio::time::timeout(GRACE, down).await),
            Either::Right(((), up)) => drop(tokio::time::timeout(GRACE, select(up, pin!(served))).await),
        }
        Ok(())
    }

    /// A connection to a port, and what waits for the end of the closure that serves it.
    async fn connect(&self, port: u16) -> io::Result<(Box<dyn Stream>, impl Future<Output = ()> + use<>)> {
        let pods = &self.place.shared.pods;
        let (stream, closure): (Box<dyn Stream>, _) =
            match pods.port(self.place.namespace(), self.place.name(), port) {
                Some(Port::Socket(address)) => (Box::new(TcpStream::connect(address).await?), None),
                Some(Port::Closure(serve)) => {
                    let (near, far) = tokio::io::duplex(PIPE);
                    let stop = self.place.shared.stop.clone();
                    // Called in its own task, where a panic ends nothing else.
                    let serving = async move { serve(Connection(far)).await };
                    let task = pods.tasks.spawn(async move { stop.run_until_cancelled(serving).await });
                    (Box::new(near), Some(task))
                }
                None => return Err(io::ErrorKind::ConnectionRefused.into()),
            };
        let served = async {
            match closure {
                Some(task) => drop(task.await),
                None => pending().await,
            }
        };
        Ok((stream, served))
    }

    /// What containerd says of a port that it cannot connect to, with the pod's uid for what the sandbox is named by.
    fn refusal(&self, port: u16, error: &io::Error) -> String {
        let uid = self.place.uid();
        let sandbox = uid.replace('-', "").repeat(2);
        let why = match error.kind() {
            io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
            _ => error.to_string(),
        };
        format!(
            "error forwarding port {port} to pod {sandbox}, uid : failed to execute portforward in network namespace \
             \"/var/run/netns/cni-{uid}\": failed to connect to localhost:{port} inside namespace \"{sandbox}\", IPv4: \
             dial tcp4 127.0.0.1:{port}: connect: {why} IPv6 dial tcp6: address localhost: no suitable address found "
        )
    }
}

/// Serves each port on a channel for its data and one for an error.
async fn serve(
    backend: Arc<Backend>,
    ports: Vec<u16>,
    mut sender: Sender,
    mut receiver: Receiver,
) -> (Sender, Receiver) {
    let (messages, mut outgoing) = mpsc::channel::<Bytes>(WAITING);
    let (inputs, forwards): (Vec<_>, Vec<_>) = (0..=u8::MAX)
        .step_by(2)
        .zip(&ports)
        .map(|(channel, port)| {
            let (input, receiver) = mpsc::channel(WAITING);
            (input, serve_port(&backend, channel, *port, receiver, messages.clone()))
        })
        .unzip();
    drop(messages);
    let input = async {
        while let Some(mut message) = receiver.next().await {
            if message.len() < 2 {
                continue;
            }
            let channel = usize::from(message.split_to(1).first().copied().unwrap_or_default());
            // One that is over reads nothing; the client need not know.
            if channel % 2 == 0
                && let Some(input) = inputs.get(channel / 2)
            {
                let _ = input.send(message).await;
            }
        }
    };
    let output = async {
        for (port, channel) in ports.iter().zip((0..=u8::MAX).step_by(2)) {
            let [low, high] = port.to_le_bytes();
            sender.send(Bytes::from(vec![channel, low, high])).await?;
            sender.send(Bytes::from(vec![channel + 1, low, high])).await?;
        }
        let send = async {
            while let Some(message) = outgoing.recv().await {
                sender.send(message).await?;
            }
            Ok::<_, Gone>(())
        };
        let forwards = async {
            join_all(forwards).await;
            Ok(())
        };
        try_join(forwards, send).await
    };
    // One that goes away ends the other.
    race(race(input, output), backend.life.over()).await;
    (sender, receiver)
}

async fn serve_port(
    backend: &Backend,
    channel: u8,
    port: u16,
    input: mpsc::Receiver<Bytes>,
    messages: mpsc::Sender<Bytes>,
) {
    let output = async |mut message: BytesMut| {
        if let Some(first) = message.first_mut() {
            *first = channel;
        }
        messages.send(message.freeze()).await.is_ok()
    };
    if let Err(error) = backend.forward(port, 1, input, output).await {
        // A client that is gone need not know.
        let _ = messages.send([&[channel + 1], error.as_bytes()].concat().into()).await;
    }
}
