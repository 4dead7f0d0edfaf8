//! Faults on demand.
mod calls;
mod cut;
mod fault;
mod flush;
mod limit;
mod outage;

use std::{
    fmt,
    num::NonZeroU64,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http::Response;

pub use self::{calls::Calls, fault::Fault};
pub(crate) use self::{
    cut::{After, Cut, End, slow},
    flush::{Flushed, Flushing},
};
use self::{fault::What, limit::Limit};
use super::{FakeCluster, body::Body, request::RequestInfo, requests::Record, server::Shared};

/// What goes wrong in a [`FakeCluster`], and when. Clones are handles of the same.
///
/// Faults are looked at in the order in which they were added: the first one whose calls match strikes, the others do
/// not. Each counts all calls that match it since it was added, whether it strikes or not, so that the nth call is the
/// nth one whatever else goes wrong. The same requests in the same order meet the same faults.
///
/// ```
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// use kube_ext::fake::{Calls, FakeCluster, Fault};
///
/// let cluster = FakeCluster::builder().start().await?;
/// let fault = cluster.faults().add(Calls::any().path("/version").first(2), Fault::unavailable());
///
/// // kube's client tries again after a 503.
/// cluster.client()?.apiserver_version().await?;
/// assert_eq!(fault.hits(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Faults {
    shared: Arc<Shared>,
}

/// A fault that was added. It goes on when this is dropped.
#[derive(Debug)]
pub struct FaultHandle {
    plan: Arc<Plan>,
    rule: u64,
    hits: Arc<AtomicU64>,
}

impl FakeCluster {
    /// What is to go wrong.
    pub fn faults(&self) -> Faults {
        Faults { shared: self.shared.clone() }
    }
}

impl Faults {
    /// From now on, calls meet a fault.
    pub fn add(&self, calls: Calls, fault: Fault) -> FaultHandle {
        self.shared.plan.add(calls, fault)
    }

    /// Takes all faults away. What has begun goes on: a stalled answer stays stalled.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// use kube_ext::fake::{Calls, FakeCluster, Fault};
    ///
    /// let cluster = FakeCluster::builder().start().await?;
    /// cluster.faults().add(Calls::any(), Fault::hang());
    /// cluster.faults().clear();
    /// cluster.client()?.apiserver_version().await?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn clear(&self) {
        self.shared.plan.lock().rules.clear();
    }

    /// Forgets all writes so far, as a compaction of etcd does: watches from versions before this one, and lists that were
    /// to be continued, are answered with 410 `Expired`. Watches that run go on.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube::{Api, api::ListParams};
    /// use kube_ext::fake::FakeCluster;
    ///
    /// let cluster = FakeCluster::builder().start().await?;
    /// let pods: Api<Pod> = Api::default_namespaced(cluster.client()?);
    /// cluster.faults().compact();
    /// let past = ListParams::default().at("1").matching(kube::api::VersionMatch::Exact);
    /// let error = pods.list(&past).await.unwrap_err();
    /// assert!(error.to_string().contains("too old"), "{error}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn compact(&self) {
        self.shared.store.compact();
    }
}

impl FaultHandle {
    /// How many calls met the fault so far. An answer that was shorter than its cut counts, too.
    pub fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    /// Takes the fault away.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// use kube_ext::fake::{Calls, FakeCluster, Fault};
    ///
    /// let cluster = FakeCluster::builder().start().await?;
    /// let fault = cluster.faults().add(Calls::any(), Fault::forbidden());
    /// cluster.client()?.apiserver_version().await.unwrap_err();
    /// fault.remove();
    /// cluster.client()?.apiserver_version().await?;
    /// assert_eq!(fault.hits(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn remove(&self) {
        self.plan.lock().rules.retain(|rule| rule.id != self.rule);
    }
}

/// The faults of a cluster.
#[derive(Debug, Default)]
pub(crate) struct Plan(Mutex<Rules>);

#[derive(Debug, Default)]
struct Rules {
    rules: Vec<Rule>,
    added: u64,
}

#[derive(Debug)]
struct Rule {
    id: u64,
    calls: Calls,
    fault: Fault,
    limit: Option<Limit>,
    /// How many calls matched.
    matched: u64,
    hits: Arc<AtomicU64>,
}

/// What goes wrong with one request.
#[derive(Debug, Default)]
pub(crate) struct Trouble {
    /// Wait before anything else.
    pub(crate) delay: Duration,
    /// What happens instead of the answer.
    pub(crate) instead: Instead,
    /// Let the answer out only so far.
    pub(crate) cut: Option<Cut>,
    /// Let the body out only so fast.
    pub(crate) bytes_per_second: Option<NonZeroU64>,
}

/// What happens instead of an answer.
#[derive(Debug, Default)]
pub(crate) enum Instead {
    #[default]
    Nothing,
    /// Drop the connection without an answer.
    Drop,
    /// Never answer.
    Hang,
    Answer(Response<Body>),
}

/// The connection ends without an answer.
#[derive(Debug)]
pub(crate) struct Dropped;

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("connection dropped on demand")
    }
}

impl std::error::Error for Dropped {}

impl Plan {
    fn lock(&self) -> MutexGuard<'_, Rules> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(self: &Arc<Self>, calls: Calls, fault: Fault) -> FaultHandle {
        let hits = Arc::<AtomicU64>::default();
        let limit = match fault.what {
            What::Rate(calls, per) => Some(Limit::Rate { calls, per, window: None }),
            What::InFlight(calls) => Some(Limit::InFlight { calls, open: Vec::new() }),
            _ => None,
        };
        let mut rules = self.lock();
        rules.added += 1;
        let id = rules.added;
        rules.rules.push(Rule { id, calls, fault, limit, matched: 0, hits: hits.clone() });
        FaultHandle { plan: self.clone(), rule: id, hits }
    }

    /// What goes wrong with this request. Counts it.
    pub(crate) fn next(&self, user: &str, info: &RequestInfo, record: &Arc<Record>) -> Trouble {
        let mut trouble = None;
        for rule in &mut self.lock().rules {
            if !rule.calls.matches(user, info) {
                continue;
            }
            rule.matched += 1;
            if trouble.is_none() && rule.calls.counts(rule.matched) {
                trouble = rule.strike(user, info, record);
            }
        }
        trouble.unwrap_or_default()
    }
}

impl Rule {
    fn strike(&mut self, user: &str, info: &RequestInfo, record: &Arc<Record>) -> Option<Trouble> {
        let trouble = match &mut self.limit {
            Some(limit) => self.fault.clone().retry_after(limit.refuses(record)?).trouble(user, info),
            None => self.fault.trouble(user, info),
        };
        self.hits.fetch_add(1, Ordering::Relaxed);
        Some(trouble)
    }
}
