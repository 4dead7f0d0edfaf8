//! A client whose connections do not wait for acknowledgements.
//!
//! kube's own client leaves `TCP_NODELAY` off. A small write then waits until the one before it is acknowledged (Nagle's
//! algorithm), and the other side's kernel puts that off for 40 ms or so if it has nothing to send. A new connection
//! runs into both: the end of the TLS handshake is one write, the request is the next. So the request waits for a round trip,
//! and for the 40 ms too if the TLS session was resumed, as it is on every connection of a client but the first.
//!
//! Each exec, attach and port-forward is a connection of its own, so they gain the most from [`nodelay`].

use std::{any::TypeId, time::Duration};

use http::{HeaderMap, Request, Response, Uri, uri::Scheme};
use http_body_util::BodyExt as _;
use hyper::rt::{Read, Write};
use hyper_timeout::TimeoutConnector;
use hyper_util::{
    client::legacy::{
        self,
        connect::{Connection, HttpConnector},
    },
    rt::TokioExecutor,
};
use kube::{
    Config, Error, Result,
    client::{Body, ClientBuilder, ConfigExt as _, DynBody, retry::RetryPolicy},
};
use tower::{BoxError, Service, ServiceBuilder, ServiceExt as _, retry::RetryLayer, util::BoxService};
use tower_http::{classify::ServerErrorsFailureClass, trace::TraceLayer};
use tracing::{Span, field::Empty};

/// The service inside what [`nodelay`] returns; kube's own `ClientBuilder::try_from(config)` has the same, so that a program
/// can choose between the two.
pub type GenericService = BoxService<Request<Body>, Response<Box<DynBody>>, BoxError>;

/// A builder of a client that is as kube's own for this `config`, but has `TCP_NODELAY` on all its connections.
///
/// `tls` wraps the TCP connector in TLS, so that the stack is yours to choose: kube's
/// [`ConfigExt`](kube::client::ConfigExt) does it for rustls (as below) and OpenSSL, with the certificates of `config`. For a
/// cluster that is reached without TLS it may be `|_, tcp| Ok(tcp)`.
///
/// From `config` come base URL, authentication, headers, timeouts, retries and default namespace, each by kube's own layers where
/// those are public. These differ from kube's builder:
/// - `tls` and this function's work are not for a proxy: if `config.proxy_url` is set, the result is kube's own builder,
///   with kube's TLS stack and without `TCP_NODELAY`. To go through a proxy without delay, take the URL out of `config` and
///   have `tls` wrap `tcp` in hyper-util's connector for proxies first.
/// - Answers are not compressed, even if kube's feature `gzip` is on.
/// - `Client::valid_until` is not known: when a certificate from a credential plugin ends, only kube can read. Tokens from
///   plugins are renewed as always.
/// - The target of spans and events is `kube_ext::client`, and `http.url` of a span has no query: that of an exec has the command in
///   it, arguments and all.
/// - If both of rustls' cryptography providers are compiled in, the program must have installed one.
///
/// ```
/// use kube::{Config, client::ConfigExt};
/// # use kube::config::{KubeConfigOptions, Kubeconfig};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let cluster = kube_ext::fake::FakeCluster::builder().start().await?;
/// # let kubeconfig = Kubeconfig::from_yaml(&cluster.kubeconfig("web"))?;
/// # let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
/// # /*
/// let config = Config::infer().await?;
/// # */
/// let client =
///     kube_ext::client::nodelay(config, |config, tcp| config.rustls_https_connector_with_connector(tcp))?.build();
/// assert_eq!(client.apiserver_version().await?.minor, "36");
/// # assert_eq!(client.default_namespace(), "web");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Whatever `tls` returns; [`Error::TlsRequired`] if that is `tcp` itself, but the cluster's URL is `https`; [`Error::Auth`] if
/// there is no reading of the credentials, and [`Error::HttpError`] for headers that HTTP cannot have. With a proxy, the errors of
/// kube's own builder, which name it.
pub fn nodelay<C>(
    config: Config,
    tls: impl FnOnce(&Config, HttpConnector) -> Result<C>,
) -> Result<ClientBuilder<GenericService>>
where
    C: Service<Uri> + Clone + Send + Sync + 'static,
    C::Response: Connection + Read + Write + Send + Unpin + 'static,
    C::Future: Send + 'static,
    C::Error: Into<BoxError>,
{
    if config.proxy_url.is_some() {
        return ClientBuilder::try_from(config);
    }
    // Credentials must not go out in the clear.
    if config.cluster_url.scheme() == Some(&Scheme::HTTPS)
        && TypeId::of::<C>() == TypeId::of::<HttpConnector>()
    {
        return Err(Error::TlsRequired);
    }
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let mut connector = TimeoutConnector::new(tls(&config, tcp)?);
    connector.set_connect_timeout(config.connect_timeout);
    connector.set_read_timeout(config.read_timeout);
    connector.set_write_timeout(config.write_timeout);
    connector.set_reset_reader_on_write(config.reset_reader_on_write);

    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.default_retry.then(|| RetryLayer::new(RetryPolicy::server_retry())))
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(span)
                .on_request(|_: &Request<Body>, _: &Span| tracing::debug!("requesting"))
                .on_response(answered)
                .on_body_chunk(())
                .on_eos(|_: Option<&HeaderMap>, _: Duration, _: &Span| tracing::debug!("stream closed"))
                .on_failure(failed),
        )
        .map_err(BoxError::from)
        .service(legacy::Client::builder(TokioExecutor::new()).build::<_, Body>(connector))
        .map_response(|response| response.map(|body| Box::new(body.map_err(BoxError::from)) as Box<DynBody>));
    Ok(ClientBuilder::new(service.boxed(), config.default_namespace))
}

/// As kube's, by the names of [OpenTelemetry]; kube leaves in the request what it is about. The query is left out: that of an
/// exec has the command's arguments, which are nobody else's business.
///
/// [OpenTelemetry]: https://opentelemetry.io/docs/specs/semconv/http/http-spans/
fn span<B>(request: &Request<B>) -> Span {
    let uri = request.uri();
    let scheme = uri.scheme_str().unwrap_or_default();
    let host = uri.authority().map_or("", |authority| authority.as_str());
    tracing::debug_span!(
        "HTTP",
        http.method = %request.method(),
        http.url = %format_args!("{scheme}://{host}{}", uri.path()),
        http.status_code = Empty,
        otel.name = request.extensions().get::<&'static str>().unwrap_or(&"HTTP"),
        otel.kind = "client",
        otel.status_code = Empty,
    )
}

fn answered<B>(response: &Response<B>, _: Duration, span: &Span) {
    let status = response.status();
    span.record("http.status_code", status.as_u16());
    if status.is_client_error() || status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
}

fn failed(failure: ServerErrorsFailureClass, _: Duration, span: &Span) {
    span.record("otel.status_code", "ERROR");
    match failure {
        ServerErrorsFailureClass::StatusCode(status) => {
            span.record("http.status_code", status.as_u16());
            tracing::error!("failed with status {status}");
        }
        ServerErrorsFailureClass::Error(err) => tracing::error!("failed with error {err}"),
    }
}
