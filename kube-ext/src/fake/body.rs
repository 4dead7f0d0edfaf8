//! Bodies of answers.
use std::io;

use bytes::Bytes;
use futures::{Stream, TryStreamExt as _};
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Frame;
use serde_json::Value;

/// The body of an answer. An error in it cuts the connection.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// A body that goes out piece by piece.
pub(crate) fn stream(pieces: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Body {
    StreamBody::new(pieces.map_ok(Frame::data)).boxed_unsync()
}

pub(crate) fn json(code: StatusCode, value: &Value) -> Response<Body> {
    raw_json(code, value.to_string())
}

/// An answer of JSON that is written already. It ends in a newline, as in Go.
pub(crate) fn raw_json(code: StatusCode, json: impl Into<Vec<u8>>) -> Response<Body> {
    let mut json = json.into();
    json.push(b'\n');
    response(code, "application/json", full(json))
}

pub(crate) fn text(code: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    response(code, "text/plain; charset=utf-8", full(text))
}

pub(crate) fn response(code: StatusCode, content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = code;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
