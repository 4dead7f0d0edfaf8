//! What was asked of the cluster, with bytes.
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering},
    },
};

use tokio::sync::watch;

use super::{Builder, FakeCluster, pattern, request::RequestInfo};

/// How many requests a cluster remembers, unless told otherwise.
pub(crate) const KEPT: usize = 10_000;

/// A request to a [`FakeCluster`], as it was when [`FakeCluster::requests`] was called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestRecord {
    /// The HTTP method.
    pub method: String,
    /// The path, without what names the user.
    pub path: String,
    /// The query as it was sent, without `?`.
    pub query: String,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` or `deletecollection`; for paths that are no resources,
    /// such as `/version`, the HTTP method in small letters.
    pub verb: String,
    /// `pods`, `pods/log`, `deployments.apps/scale`; empty for paths that are no resources.
    pub resource: String,
    /// Empty for none.
    pub namespace: String,
    /// The object's name as far as the path has it; empty for collections.
    pub name: String,
    /// Who asked.
    pub user: String,
    /// The HTTP status of the answer; nothing while there is none, and if there will never be one.
    pub status: Option<u16>,
    /// Bytes of the request's body; of an upgraded connection, all that came after the handshake.
    pub received: u64,
    /// Bytes of the answer's body that were handed to the connection; of an upgraded one, all after the handshake.
    pub sent: u64,
    /// Whether the answer, or the connection that it was upgraded to, has not come to its end.
    pub open: bool,
}

impl RequestRecord {
    /// The first value of a parameter of the query, decoded.
    pub fn param(&self, name: &str) -> Option<String> {
        let mut params = form_urlencoded::parse(self.query.as_bytes());
        params.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }
}

impl FakeCluster {
    /// The requests so far, in the order in which they arrived: the last 10,000 of them, or as many as
    /// [`Builder::keep_requests`] says.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// use kube_ext::fake::FakeCluster;
    ///
    /// let cluster = FakeCluster::builder().start().await?;
    /// cluster.client()?.apiserver_version().await?;
    /// let requests = cluster.requests();
    /// assert_eq!(requests.len(), 1);
    /// assert_eq!((requests[0].path.as_str(), requests[0].status), ("/version", Some(200)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.shared.requests.lock().kept.iter().map(|entry| entry.snapshot()).collect()
    }

    /// How many requests there were since the start, those that are forgotten included.
    pub fn requests_total(&self) -> u64 {
        self.shared.requests.lock().total
    }

    /// How many requests have not come to their end: streams that a program left behind are among them.
    pub fn requests_open(&self) -> usize {
        *self.shared.requests.open.borrow()
    }

    /// Waits until no request is open. A client that drops a stream closes its connection, which the server sees a
    /// little later; this is to be awaited, with a timeout, by tests that say that nothing is left behind.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// use kube_ext::fake::FakeCluster;
    ///
    /// use std::time::Duration;
    ///
    /// let cluster = FakeCluster::builder().start().await?;
    /// cluster.client()?.apiserver_version().await?;
    /// tokio::time::timeout(Duration::from_secs(10), cluster.until_no_requests()).await?;
    /// assert_eq!(cluster.requests_open(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn until_no_requests(&self) {
        let mut open = self.shared.requests.open.subscribe();
        // The sender is in `self`.
        let _ = open.wait_for(|open| *open == 0).await;
    }

    /// Forgets the requests so far, but not their [total](Self::requests_total).
    pub fn forget_requests(&self) {
        self.shared.requests.lock().kept.clear();
    }
}

impl Builder {
    /// How many of the last requests the cluster remembers for [`FakeCluster::requests`].
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// use kube_ext::fake::FakeCluster;
    ///
    /// let cluster = FakeCluster::builder().keep_requests(1).start().await?;
    /// for _ in 0..3 {
    ///     cluster.client()?.apiserver_version().await?;
    /// }
    /// assert_eq!((cluster.requests().len(), cluster.requests_total()), (1, 3));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn keep_requests(mut self, last: usize) -> Self {
        self.kept_requests = last;
        self
    }
}

/// The requests of a cluster, the last ones of them.
#[derive(Debug)]
pub(crate) struct Requests {
    log: Mutex<Log>,
    open: watch::Sender<usize>,
}

#[derive(Debug)]
struct Log {
    kept: VecDeque<Arc<Entry>>,
    limit: usize,
    total: u64,
}

#[derive(Debug)]
struct Entry {
    request: RequestRecord,
    /// 0 for none.
    status: AtomicU16,
    received: AtomicU64,
    sent: AtomicU64,
    open: AtomicBool,
}

impl Entry {
    fn snapshot(&self) -> RequestRecord {
        let status = self.status.load(Ordering::Acquire);
        RequestRecord {
            status: (status != 0).then_some(status),
            received: self.received.load(Ordering::Relaxed),
            sent: self.sent.load(Ordering::Relaxed),
            open: self.open.load(Ordering::Acquire),
            ..self.request.clone()
        }
    }
}

/// A request under way: it has come to its end when this is dropped.
#[derive(Debug)]
pub(crate) struct Record {
    entry: Arc<Entry>,
    open: watch::Sender<usize>,
}

impl Requests {
    /// Remembers the last `limit` requests.
    pub(crate) fn new(limit: usize) -> Self {
        let log = Log { kept: VecDeque::new(), limit, total: 0 };
        Self { log: Mutex::new(log), open: watch::Sender::new(0) }
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn begin(
        &self,
        user: &str,
        method: &http::Method,
        info: &RequestInfo,
        query: &str,
    ) -> Arc<Record> {
        let request = RequestRecord {
            method: method.to_string(),
            path: info.path.clone(),
            query: query.to_owned(),
            verb: info.verb.clone(),
            resource: pattern::named(info),
            namespace: info.namespace.clone(),
            name: info.name.clone(),
            user: user.to_owned(),
            ..RequestRecord::default()
        };
        let entry = Arc::new(Entry {
            request,
            status: AtomicU16::default(),
            received: AtomicU64::default(),
            sent: AtomicU64::default(),
            open: AtomicBool::new(true),
        });
        self.open.send_modify(|open| *open += 1);
        let mut log = self.lock();
        log.total += 1;
        log.kept.push_back(entry.clone());
        if log.kept.len() > log.limit {
            log.kept.pop_front();
        }
        drop(log);
        Arc::new(Record { entry, open: self.open.clone() })
    }
}

impl Record {
    pub(crate) fn received(&self, bytes: usize) {
        self.entry.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.entry.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn answered(&self, code: u16) {
        self.entry.status.store(code, Ordering::Release);
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.entry.open.store(false, Ordering::Release);
        self.open.send_modify(|open| *open -= 1);
    }
}
