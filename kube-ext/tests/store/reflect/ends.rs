//! The end of it.

use futures::StreamExt as _;
use kube_ext::{fake::Fault, store::reflect::Lists};
use tokio::time::timeout;

use super::{PATIENCE, calls, cluster, create, names, ready, settings, start, states_until, until};

#[tokio::test]
async fn dropped() {
    let (cluster, api) = cluster(&["a"]).await;
    let (store, _, reflection) = start(api);
    ready(&reflection).await;
    assert_eq!(cluster.requests_open(), 1);
    let changes = reflection.changes();
    drop(reflection);
    timeout(PATIENCE, cluster.until_no_requests()).await.unwrap();
    create(&cluster, "b");
    assert_eq!(names(&store), ["a"]);
    let states: Vec<_> = changes.map(|state| super::words(&state)).collect().await;
    assert_eq!(states, ["ended"]);
}

/// Whatever it waits for.
#[tokio::test]
async fn dropped_while_it_waits() {
    let faults =
        [Fault::hang(), Fault::stall(), Fault::cut_after_events(1).stalling(), Fault::internal_error("no")];
    for lists in [Lists::Auto, Lists::Paged] {
        for fault in &faults {
            let (cluster, api) = cluster(&["a", "b"]).await;
            let verb = if lists == Lists::Auto { "watch" } else { "list" };
            let fault = cluster.faults().add(calls(verb), fault.clone());
            let (store, _, reflect) = settings(api);
            let reflection = reflect.lists(lists).start();
            until("a request", || fault.hits() > 0).await;
            drop(reflection);
            timeout(PATIENCE, cluster.until_no_requests()).await.unwrap();
            assert!(store.is_empty());
            timeout(PATIENCE, store.wait_until_ready()).await.unwrap().unwrap_err();
        }
    }
}

#[tokio::test]
async fn stopped() {
    let (cluster, api) = cluster(&["a"]).await;
    let (store, _, reflection) = start(api);
    ready(&reflection).await;
    let mut changes = reflection.changes();
    timeout(PATIENCE, reflection.stop()).await.unwrap();
    timeout(PATIENCE, cluster.until_no_requests()).await.unwrap();
    assert_eq!(names(&store), ["a"]);
    assert_eq!(states_until(&mut changes, |_| false).await, ["ended"]);
    let (_, _, reflection) = start(kube::Api::all(cluster.client().unwrap()));
    // Before anything has happened.
    timeout(PATIENCE, reflection.stop()).await.unwrap();
}

/// A runtime that is gone is no silence.
#[test]
fn a_runtime_that_is_shut_down() {
    let runtime =
        || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (here, there) = (runtime(), runtime());
    let (_cluster, reflection) = here.block_on(async {
        let (cluster, _) = cluster(&["a"]).await;
        let client = there.spawn({
            let kubeconfig = cluster.client();
            async move { kubeconfig.unwrap() }
        });
        let api = kube::Api::default_namespaced(client.await.unwrap());
        let (_, _, reflect) = settings(api);
        let reflection = there.spawn(async move { reflect.start() }).await.unwrap();
        (cluster, reflection)
    });
    there.shutdown_background();
    here.block_on(async {
        let states = states_until(&mut reflection.changes(), |_| false).await;
        let last = "ended: watch configmaps in namespace default: the runtime has ended its task";
        assert_eq!(states.last().unwrap(), last);
    });
}
