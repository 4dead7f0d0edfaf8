//! The listener, its connections, and the way of a request through the cluster.
use std::{
    future, io,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Mutex,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::{
    access::{self, Access},
    body::Body,
    discovery,
    faults::{self, Cut, Dropped, Flushed, Flushing, Instead, Plan},
    kinds::{Kind, Kinds},
    pods::{self, Pods},
    port::Port,
    read,
    request::RequestInfo,
    requests::{Record, Requests},
    status::Failure,
    store::Store,
    user, write,
};

/// The largest body that is taken, as in the API server (`MaxRequestBodyBytes`).
const MAX_BODY_BYTES: usize = 3 * 1024 * 1024;

/// How long to wait when no connection can be accepted.
const ACCEPT_RETRY: Duration = Duration::from_millis(10);

/// The state of a cluster.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) kinds: RwLock<Kinds>,
    pub(crate) access: Access,
    pub(crate) plan: Arc<Plan>,
    pub(crate) requests: Requests,
    pub(crate) pods: Pods,
    pub(crate) port: Port,
    /// Accepts connections; nothing while the server is down.
    pub(crate) accepting: Mutex<Option<JoinHandle<()>>>,
    /// How often a watch sends a bookmark.
    pub(crate) bookmarks: Duration,
    /// Ends everything.
    pub(crate) stop: CancellationToken,
    /// Ends the connections of the moment; replaced when they are.
    pub(crate) connections: RwLock<CancellationToken>,
}

impl Shared {
    pub(crate) fn kinds(&self) -> Kinds {
        self.kinds.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Drops every connection, in the middle of whatever it carries.
    pub(crate) fn drop_connections(&self) {
        let next = self.stop.child_token();
        let mut connections = self.connections.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *connections, next).cancel();
    }

    fn connection(&self) -> CancellationToken {
        self.connections.read().unwrap_or_else(PoisonError::into_inner).child_token()
    }
}

/// A request that is allowed and names a kind, or a path that is no resource.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) shared: Arc<Shared>,
    pub(crate) user: String,
    pub(crate) method: Method,
    pub(crate) info: RequestInfo,
    /// The kind of `info.resource`; a neutral one for other paths.
    pub(crate) kind: Option<Arc<Kind>>,
    pub(crate) headers: HeaderMap,
    /// Read already, except for pods' streams.
    pub(crate) body: Bytes,
    /// Ends with the connection; what an upgraded connection carries must end with it, too.
    pub(crate) connection: CancellationToken,
    /// Counts the bytes of an upgraded connection; those of bodies are counted here.
    pub(crate) record: Arc<Record>,
    /// How an upgraded connection is to be cut; bodies are cut here.
    pub(crate) cut: Option<Cut>,
}

impl Call {
    /// The kind that the path names.
    pub(crate) fn kind(&self) -> Result<&Arc<Kind>, Failure> {
        self.kind.as_ref().ok_or_else(Failure::no_such_path)
    }
}

/// Accepts connections from now on, unless it does already.
pub(crate) async fn listen(shared: &Arc<Shared>) -> io::Result<()> {
    let mut accepting = shared.accepting.lock().await;
    if accepting.is_none() {
        *accepting = Some(tokio::spawn(serve(shared.clone(), shared.port.listen()?)));
    }
    Ok(())
}

/// Accepts connections until the cluster stops.
async fn serve(shared: Arc<Shared>, listener: TcpListener) {
    while let Some(accepted) = shared.stop.run_until_cancelled(listener.accept()).await {
        let Ok((stream, _)) = accepted else {
            // The process may have no file descriptor left, and get one back.
            tokio::time::sleep(ACCEPT_RETRY).await;
            continue;
        };
        // Small frames are to arrive when they are written.
        let _ = stream.set_nodelay(true);
        tokio::spawn(connection(shared.clone(), shared.connection(), stream));
    }
}

async fn connection(shared: Arc<Shared>, token: CancellationToken, stream: TcpStream) {
    let (stream, flushed) = Flushing::new(stream);
    let service = service_fn(|request| handle(shared.clone(), token.clone(), flushed.clone(), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    // How a connection ends is the client's to tell.
    let _ = token.run_until_cancelled(connection).await;
}

async fn handle(
    shared: Arc<Shared>,
    connection: CancellationToken,
    flushed: Flushed,
    request: Request<Incoming>,
) -> Result<Response<Body>, Dropped> {
    let (caller, path) = user::split(request.uri().path());
    let user = access::impersonated(request.headers()).unwrap_or_else(|| caller.clone());
    let query = request.uri().query().unwrap_or_default();
    let info = RequestInfo::parse(request.method(), &path, Some(query));
    let record = shared.requests.begin(&user, request.method(), &info, query);
    let trouble = shared.plan.next(&user, &info, &record);
    if !trouble.delay.is_zero() {
        tokio::time::sleep(trouble.delay).await;
    }
    let mut response = match trouble.instead {
        Instead::Drop => return Err(Dropped),
        Instead::Hang => {
            // hyper sees that a client has left only when the request is read.
            drop(request);
            return future::pending().await;
        }
        Instead::Answer(response) => {
            // As a whole, so that the connection can be used again.
            let _ = read_body(request, &record).await;
            response
        }
        Instead::Nothing => {
            let kind = shared.kinds().find(&info.group, &info.version, &info.resource);
            let call = Call {
                user,
                method: request.method().clone(),
                kind,
                headers: request.headers().clone(),
                body: Bytes::new(),
                connection,
                record: record.clone(),
                cut: trouble.cut,
                shared,
                info,
            };
            answer(call, &caller, request).await.unwrap_or_else(Failure::into_response)
        }
    };
    record.answered(response.status().as_u16());
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        if let Some(bytes_per_second) = trouble.bytes_per_second {
            response = faults::slow(response, bytes_per_second);
        }
        if let Some(cut) = trouble.cut {
            response = cut.apply(response, flushed);
        }
        response = response.map(|body| {
            body.inspect_frame(move |frame| record.sent(frame.data_ref().map_or(0, Bytes::len)))
                .boxed_unsync()
        });
    }
    Ok(response)
}

async fn answer(mut call: Call, caller: &str, request: Request<Incoming>) -> Result<Response<Body>, Failure> {
    let shared = call.shared.clone();
    if call.user != caller {
        shared.access.check_impersonation(caller, &call.user, &call.info)?;
    }
    shared.access.check(&call.user, &call.info)?;
    if !call.info.is_resource() {
        return discovery::answer(&call);
    }
    let Some(kind) = call.kind.clone() else { return Ok(discovery::no_such_resource(&call)) };
    if kind.plural == "pods"
        && kind.group.is_empty()
        && matches!(call.info.subresource.as_str(), "log" | "exec" | "attach" | "portforward")
    {
        return pods::answer(&call, request);
    }
    call.body = read_body(request, &call.record).await?;
    match call.info.verb.as_str() {
        "get" if call.info.subresource != "scale" => read::get(&call),
        "list" => read::list(&call),
        "watch" => read::watch(&call),
        "create" if call.info.name.is_empty() && access::reviews(&kind) => access::review(&call),
        _ => write::answer(&call),
    }
}

async fn read_body(request: Request<Incoming>, record: &Record) -> Result<Bytes, Failure> {
    let body = Limited::new(request.into_body(), MAX_BODY_BYTES).collect().await.map_err(|_| too_large())?;
    let body = body.to_bytes();
    record.received(body.len());
    Ok(body)
}

fn too_large() -> Failure {
    let message = format!("Request entity too large: limit is {MAX_BODY_BYTES}");
    Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", message)
}
