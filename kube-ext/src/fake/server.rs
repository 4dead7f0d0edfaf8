//! The listener, its connections, and the way of a request through the cluster.
use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::{
    access::{self, Access},
    body::Body,
    discovery,
    faults::{Cut, Plan},
    kinds::{Kind, Kinds},
    pods::{self, Pods},
    read,
    request::RequestInfo,
    requests::{Record, Requests},
    status::Failure,
    store::Store,
    write,
};

/// The largest body that is taken, as in the API server (`MaxRequestBodyBytes`).
const MAX_BODY_BYTES: usize = 3 * 1024 * 1024;

/// The user of requests that name none: it may do everything.
pub(crate) const ADMIN: &str = "kubernetes-admin";

/// The state of a cluster.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) kinds: RwLock<Kinds>,
    pub(crate) access: Access,
    pub(crate) plan: Arc<Plan>,
    pub(crate) requests: Requests,
    pub(crate) pods: Pods,
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

/// Accepts connections until the cluster stops.
pub(crate) async fn serve(shared: Arc<Shared>, listener: TcpListener) {
    while let Some(Ok((stream, _))) = shared.stop.run_until_cancelled(listener.accept()).await {
        // Small frames are to arrive when they are written.
        let _ = stream.set_nodelay(true);
        tokio::spawn(connection(shared.clone(), stream));
    }
}

async fn connection(shared: Arc<Shared>, stream: TcpStream) {
    let token = shared.connection();
    let service = service_fn(|request| handle(shared.clone(), token.clone(), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    // How a connection ends is the client's to tell.
    let _ = token.run_until_cancelled(connection).await;
}

/// The connection ends without an answer.
#[derive(Debug)]
struct Dropped;

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("connection dropped on demand")
    }
}

impl std::error::Error for Dropped {}

async fn handle(
    shared: Arc<Shared>,
    connection: CancellationToken,
    request: Request<Incoming>,
) -> Result<Response<Body>, Dropped> {
    let (user, path) = split_user(request.uri().path());
    let info = RequestInfo::parse(request.method(), &path, request.uri().query());
    let record = shared.requests.begin(&user, request.method(), &info);
    let trouble = shared.plan.next(&user, &info);
    if trouble.refuse {
        return Err(Dropped);
    }
    let answer = match trouble.failure {
        Some(failure) => Err(failure),
        None => {
            let kind = shared.kinds().find(&info.group, &info.version, &info.resource);
            let call = Call {
                user,
                method: request.method().clone(),
                kind,
                headers: request.headers().clone(),
                body: Bytes::new(),
                connection,
                record: record.clone(),
                cut: trouble.cut.clone(),
                shared,
                info,
            };
            answer(call, request).await
        }
    };
    let mut response = answer.unwrap_or_else(Failure::into_response);
    record.answered(response.status().as_u16());
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        if let Some(cut) = &trouble.cut {
            response = cut.apply(response);
        }
        response = response.map(|body| {
            body.inspect_frame(move |frame| record.sent(frame.data_ref().map_or(0, Bytes::len)))
                .boxed_unsync()
        });
    }
    Ok(response)
}

/// The user whom the path names, `/as/USER/...`, and the path as the API server would see it.
fn split_user(path: &str) -> (String, String) {
    let named = path.strip_prefix("/as/").and_then(|rest| rest.split_once('/'));
    let (user, path) = named.map_or((ADMIN, path.to_owned()), |(user, path)| (user, format!("/{path}")));
    (user.to_owned(), path)
}

async fn answer(mut call: Call, request: Request<Incoming>) -> Result<Response<Body>, Failure> {
    let shared = call.shared.clone();
    if !call.info.is_resource() {
        return discovery::answer(&call);
    }
    shared.access.check(&call.user, &call.info)?;
    let Some(kind) = call.kind.clone() else { return Ok(discovery::no_such_resource(&call)) };
    if kind.plural == "pods"
        && kind.group.is_empty()
        && matches!(call.info.subresource.as_str(), "log" | "exec" | "attach" | "portforward")
    {
        return pods::answer(&call, request);
    }
    let body = Limited::new(request.into_body(), MAX_BODY_BYTES).collect().await;
    call.body = body.map_err(|_| too_large())?.to_bytes();
    call.record.received(call.body.len());
    match call.info.verb.as_str() {
        "get" => read::get(&call),
        "list" => read::list(&call),
        "watch" => read::watch(&call),
        "create" if kind.group == "authorization.k8s.io" => access::review(&call),
        _ => write::answer(&call),
    }
}

fn too_large() -> Failure {
    let message = format!("Request entity too large: limit is {MAX_BODY_BYTES}");
    Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", message)
}
