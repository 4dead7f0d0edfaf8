//! What was asked of the cluster, with bytes.
use std::sync::Arc;

use super::request::RequestInfo;

/// The requests of a cluster, the last ones of them.
#[derive(Debug, Default)]
pub(crate) struct Requests {}

/// A request under way.
#[derive(Clone, Debug)]
pub(crate) struct Record {}

impl Requests {
    pub(crate) fn begin(&self, _user: &str, _method: &http::Method, _info: &RequestInfo) -> Arc<Record> {
        Arc::new(Record {})
    }
}

impl Record {
    pub(crate) fn received(&self, _bytes: usize) {}
    pub(crate) fn sent(&self, _bytes: usize) {}
    pub(crate) fn answered(&self, _code: u16) {}
}
