//! A reflection, with connections that break off, watches that are too old, and a server without streaming lists.

use std::{
    collections::BTreeMap,
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{Request, Response};
use http_body_util::Limited;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client, ResourceExt as _,
    api::{ListParams, PostParams},
    client::Body,
    runtime::reflector,
};
use kube_ext::store::{reflect, reflect::Lists};
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::{cluster::Cluster, support::TestNamespace, writes::Writes};

const PATIENCE: Duration = Duration::from_secs(300);
/// How many answers are cut, and more until enough of each kind has happened.
const CUTS: usize = 40;

/// What stands between a client and its cluster.
struct Between {
    client: Client,
    has_streaming: bool,
    is_over: AtomicBool,
    cuts: AtomicUsize,
    expired: AtomicUsize,
}

fn refusal(code: u16, reason: &str, message: &str) -> Response<Body> {
    let status = json!({"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message});
    Response::builder().status(code).body(Body::from(status.to_string().into_bytes())).unwrap()
}

impl Between {
    async fn answer(
        &self,
        request: Request<Body>,
    ) -> Result<Response<Limited<Body>>, Box<dyn Error + Send + Sync>> {
        let query = request.uri().query().unwrap_or_default().to_owned();
        let (is_over, is_streamed) =
            (self.is_over.load(Ordering::Relaxed), query.contains("sendInitialEvents"));
        let number = self.cuts.load(Ordering::Relaxed);
        if is_streamed && !self.has_streaming {
            let message = "ListOptions.meta.k8s.io \"\" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch \
                           unless the WatchList feature gate is enabled";
            return Ok(refusal(422, "Invalid", message).map(|body| Limited::new(body, usize::MAX)));
        }
        if !is_over && query.contains("watch=true") && !is_streamed && number % 3 == 2 {
            self.cuts.fetch_add(1, Ordering::Relaxed);
            self.expired.fetch_add(1, Ordering::Relaxed);
            let expired = refusal(410, "Expired", "too old resource version");
            return Ok(expired.map(|body| Limited::new(body, usize::MAX)));
        }
        let answer = self.client.send(request).await?;
        let bytes = if is_over {
            usize::MAX
        } else {
            self.cuts.fetch_add(1, Ordering::Relaxed);
            fastrand::Rng::with_seed(number as u64).usize(..12_000)
        };
        Ok(answer.map(|body| Limited::new(body, bytes)))
    }
}

/// Writes at random while answers break off: at the end the store has what a list has, and none was missing meanwhile that was there all the time.
async fn survives(lists: Lists, has_streaming: bool) {
    let cluster = Cluster::connect().await;
    let namespace = TestNamespace::create(&cluster.client, "reflect").await;
    let api = Api::<ConfigMap>::namespaced(cluster.client.clone(), &namespace.name);
    let create = async |name: &str| {
        let map = serde_json::from_value(json!({"metadata": {"name": name}})).unwrap();
        api.create(&PostParams::default(), &map).await.unwrap();
    };
    let fixed: Vec<_> = (0..20).map(|number| format!("fixed-{number}")).collect();
    for name in &fixed {
        create(name).await;
    }
    let between = Arc::new(Between {
        client: cluster.client.clone(),
        has_streaming,
        is_over: AtomicBool::new(false),
        cuts: AtomicUsize::new(0),
        expired: AtomicUsize::new(0),
    });
    let service = tower::service_fn({
        let between = between.clone();
        move |request: Request<Body>| {
            let between = between.clone();
            async move { between.answer(request).await }
        }
    });
    let broken = Client::new(service, namespace.name.as_str());
    let (store, writer) = reflector::store::<ConfigMap>();
    let reflection = reflect(Api::default_namespaced(broken), writer)
        .lists(lists)
        .page_size(7)
        .backoff(Duration::from_millis(5), Duration::from_millis(50))
        .start();

    let writing = async {
        let mut changes = Writes::new(&api);
        let is_covered = || {
            let (counts, expired) = (reflection.counts(), between.expired.load(Ordering::Relaxed));
            between.cuts.load(Ordering::Relaxed) >= CUTS
                && expired > 2
                && counts.lists > 2
                && counts.errors > 10
        };
        while !is_covered() {
            changes.next().await;
            let is_filled = reflection.counts().lists > 0;
            let stored: Vec<_> = store.state().iter().map(|map| map.name_any()).collect();
            let missing = fixed.iter().find(|name| is_filled && !stored.contains(name));
            assert!(missing.is_none(), "{missing:?}");
        }
    };
    timeout(PATIENCE, writing).await.expect("all cuts");
    between.is_over.store(true, Ordering::Relaxed);
    create("last").await;

    let row = |map: &ConfigMap| (map.name_any(), (map.uid(), map.resource_version(), map.data.clone()));
    let equal = async {
        loop {
            let listed = api.list(&ListParams::default()).await.unwrap();
            let listed: BTreeMap<_, _> = listed.items.iter().map(row).collect();
            let stored: BTreeMap<_, _> = store.state().iter().map(Arc::as_ref).map(row).collect();
            if stored == listed && reflection.state().is_live() {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, equal).await.expect("equal to a list");
    reflection.ready().await.unwrap();
    store.wait_until_ready().await.unwrap();
    assert_eq!(reflection.counts().refused, 0);
    reflection.stop().await;
    namespace.delete().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reflection_survives_cuts_of_pages() {
    survives(Lists::Paged, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reflection_survives_cuts_of_streamed_lists() {
    survives(Lists::Auto, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reflection_survives_cuts_without_streaming_lists() {
    survives(Lists::Auto, false).await;
}
