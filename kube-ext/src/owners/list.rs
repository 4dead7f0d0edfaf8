//! Lists of objects, of which only what an owner graph needs is kept.

use std::{borrow::Cow, io::Read as _, sync::Arc, time::Duration};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::{Response, header};
use http_body_util::BodyExt as _;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ListMeta, Time};
use kube::{
    Client,
    api::{DynamicObject, ListParams, Request, Resource as _},
    client::Body,
};
use serde::{Deserialize, de::IgnoredAny};

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
}

/// Some of the objects of a list, as the server sent them.
pub(super) struct Page(Vec<u8>);

/// What is kept of a page.
#[derive(Deserialize)]
pub(super) struct Items<'a> {
    #[serde(default)]
    metadata: ListMeta,
    /// A list of metadata has null where it has nothing.
    #[serde(default, borrow, deserialize_with = "server::or_default")]
    pub(super) items: Vec<Item<'a>>,
}

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
    pub(super) fn read(&self) -> Result<Items<'_>, Cause> {
        serde_json::from_slice(&self.0)
            .map_err(|error| Cause::Lost { reason: format!("the answer is no list: {error}") })
    }
}

impl Items<'_> {
    /// Where the next page begins, if there is one.
    pub(super) fn next(&self) -> Option<String> {
        self.metadata.continue_.clone().filter(|token| !token.is_empty())
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
        let path = DynamicObject::url_path(&self.kind.resource, self.namespace.as_deref());
        let ask = async || {
            let request = Request::new(&path).list_metadata(&params);
            let mut request = request.map_err(|error| Cause::Invalid { problem: error.to_string() })?;
            // The server compresses what is large, and metadata has much that repeats.
            request.headers_mut().insert(header::ACCEPT_ENCODING, header::HeaderValue::from_static("gzip"));
            let response = self.client.send(request.map(Body::from)).await.map_err(Cause::of)?;
            let response = server::accepted(response).await.map_err(Cause::of)?;
            let is_packed = is_packed(&response);
            let body = response.into_body().collect().await.map_err(Cause::of)?.to_bytes();
            if is_packed { unpack(&body) } else { Ok(Page(body.into())) }
        };
        let lost = |_| Cause::Lost { reason: format!("no whole answer within {PATIENCE:?}") };
        tokio::time::timeout(PATIENCE, ask()).await.map_err(lost)?
    }
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
