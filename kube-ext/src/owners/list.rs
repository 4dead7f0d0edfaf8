//! Lists of objects, of which only what an owner graph needs is kept.

use std::{borrow::Cow, fmt, io::Read as _, sync::Arc, time::Duration};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use futures::{StreamExt as _, stream::BoxStream};
use http::{Response, header};
use http_body_util::BodyExt as _;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ListMeta, Time};
use kube::{
    Client,
    api::{DynamicObject, ListParams, Request, Resource as _, WatchEvent, WatchParams},
    client::Body,
};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Value, value::RawValue};

use super::{error::Cause, kinds::Kind};
use crate::server;

/// How long an answer may take, with all that kube's client does to get one.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// A list that is being read: of all objects of a kind, or of those in a namespace.
#[derive(Clone)]
pub(super) struct List {
    pub(super) client: Client,
    pub(super) kind: Arc<Kind>,
    /// None for all of them.
    pub(super) namespace: Option<Arc<str>>,
    /// How many objects to ask for at once; 0 for all.
    pub(super) page_size: u32,
    pub(super) depth: Depth,
}

/// How much of an object is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Depth {
    /// What every graph keeps.
    Identity,
    /// All of its metadata.
    Metadata,
    /// All of it.
    Whole,
}

/// Some of the objects of a list, as the server sent them.
pub(super) struct Page(Vec<u8>);

/// Where a page ends.
pub(super) struct End {
    /// Where the next one begins, if there is one.
    pub(super) next: Option<String>,
    /// What it is a moment of.
    pub(super) version: String,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
struct Items<T> {
    #[serde(default)]
    metadata: ListMeta,
    /// A list of metadata has null where it has nothing.
    #[serde(default = "Vec::new", deserialize_with = "server::or_default")]
    items: Vec<T>,
}

/// An object of which no more than what a graph keeps is read.
#[derive(Deserialize)]
pub(super) struct Item<'a> {
    #[serde(borrow)]
    pub(super) metadata: Metadata<'a>,
}

/// What a graph keeps of an object.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata<'a> {
    #[serde(default, borrow)]
    pub(super) name: Cow<'a, str>,
    #[serde(default, borrow)]
    pub(super) namespace: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    pub(super) uid: Cow<'a, str>,
    pub(super) creation_timestamp: Option<Time>,
    pub(super) deletion_timestamp: Option<IgnoredAny>,
    #[serde(default, borrow, deserialize_with = "server::or_default")]
    pub(super) owner_references: Vec<Reference<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reference<'a> {
    #[serde(default, borrow)]
    pub(super) api_version: Cow<'a, str>,
    #[serde(default, borrow)]
    pub(super) kind: Cow<'a, str>,
    #[serde(default, borrow)]
    pub(super) name: Cow<'a, str>,
    #[serde(default, borrow)]
    pub(super) uid: Cow<'a, str>,
    #[serde(default)]
    pub(super) controller: Option<bool>,
    #[serde(default)]
    pub(super) block_owner_deletion: Option<bool>,
}

impl Page {
    /// Gives its objects, each with all there is of it if more is wanted than what a graph keeps.
    pub(super) fn read(
        &self,
        list: &List,
        mut each: impl FnMut(Metadata<'_>, Option<&Value>),
    ) -> Result<End, Cause> {
        let failed = |error| Cause::Lost { reason: format!("the answer is no list: {error}") };
        if list.depth == Depth::Identity {
            let page: Items<Item<'_>> = serde_json::from_slice(&self.0).map_err(failed)?;
            page.items.into_iter().for_each(|item| each(item.metadata, None));
            return Ok(End::of(page.metadata));
        }
        let page: Items<&RawValue> = serde_json::from_slice(&self.0).map_err(failed)?;
        for object in page.items {
            // One at a time: it takes ten times what it takes as text.
            let mut object: Value = serde_json::from_str(object.get()).map_err(failed)?;
            list.name_kind(&mut object);
            let item = Item::deserialize(&object).map_err(failed)?;
            each(item.metadata, Some(&object));
        }
        Ok(End::of(page.metadata))
    }
}

impl End {
    fn of(metadata: ListMeta) -> Self {
        let next = metadata.continue_.filter(|token| !token.is_empty());
        Self { next, version: metadata.resource_version.unwrap_or_default() }
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("List").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl List {
    /// Reads a page: the first one, or that behind a token.
    pub(super) async fn page(&self, token: Option<String>) -> Result<Page, Cause> {
        let params = ListParams {
            limit: (self.page_size > 0).then_some(self.page_size),
            continue_token: token,
            ..ListParams::default()
        };
        let request = Request::new(self.path());
        let request = match self.depth {
            Depth::Whole => request.list(&params),
            Depth::Identity | Depth::Metadata => request.list_metadata(&params).map(or_whole),
        };
        let mut request = request.map_err(|error| Cause::Invalid { problem: error.to_string() })?;
        // The server compresses what is large, and objects have much that repeats.
        request.headers_mut().insert(header::ACCEPT_ENCODING, header::HeaderValue::from_static("gzip"));
        let ask = async || {
            let response = self.client.send(request.clone().map(Body::from)).await?;
            let response = server::accepted(response).await?;
            let is_packed = is_packed(&response);
            Ok((is_packed, response.into_body().collect().await?.to_bytes()))
        };
        let answer = tokio::time::timeout(PATIENCE, server::again(ask)).await.map_err(|_| Cause::late())?;
        let (is_packed, body) = answer.map_err(Cause::of)?;
        if is_packed { unpack(&body) } else { Ok(Page(body.into())) }
    }

    /// What happens after a version of the list.
    pub(super) async fn watch(
        &self,
        version: &str,
    ) -> kube::Result<BoxStream<'static, kube::Result<WatchEvent<Value>>>> {
        let (request, params) = (Request::new(self.path()), WatchParams::default());
        let request = match self.depth {
            Depth::Whole => request.watch(&params, version),
            Depth::Identity | Depth::Metadata => request.watch_metadata(&params, version).map(or_whole),
        };
        let events = self.client.request_events(request.map_err(kube::Error::BuildRequest)?).await?;
        Ok(events.boxed())
    }

    /// An object of a list does not know its kind, and one of metadata has another one.
    pub(super) fn name_kind(&self, object: &mut Value) {
        let resource = &self.kind.resource;
        if let Some(object) = object.as_object_mut() {
            object.insert("apiVersion".to_owned(), resource.api_version.clone().into());
            object.insert("kind".to_owned(), resource.kind.clone().into());
        }
    }

    /// All of an object, if more of it is wanted than what every graph keeps.
    pub(super) fn examined<'o>(&self, object: &'o Value) -> Option<&'o Value> {
        Some(object).filter(|_| self.depth > Depth::Identity)
    }

    fn path(&self) -> String {
        DynamicObject::url_path(&self.kind.resource, self.namespace.as_deref())
    }
}

/// Takes whole objects from a server that has no metadata alone, as client-go does (`metadata.go`).
pub(super) fn or_whole<T>(mut request: http::Request<T>) -> http::Request<T> {
    let accept = request.headers().get(header::ACCEPT).map(header::HeaderValue::as_bytes).unwrap_or_default();
    if let Ok(accept) = header::HeaderValue::from_bytes(&[accept, b",application/json"].concat()) {
        request.headers_mut().insert(header::ACCEPT, accept);
    }
    request
}

/// A client may have unpacked it already, and says so by saying nothing.
fn is_packed(response: &Response<Body>) -> bool {
    response.headers().get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding == "gzip")
}

fn unpack(body: &Bytes) -> Result<Page, Cause> {
    let mut page = Vec::with_capacity(8 * body.len());
    match MultiGzDecoder::new(&**body).read_to_end(&mut page) {
        Ok(_) => Ok(Page(page)),
        Err(error) => Err(Cause::Lost { reason: format!("the answer cannot be unpacked: {error}") }),
    }
}
