//! Whatever happens, in the end the store has what a list has.

use std::{sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, ResourceExt as _, api::ListParams, runtime::reflector::Store};
use kube_ext::{fake::Fault, store::reflect::Lists};

use super::{PATIENCE, calls, cluster, create, delete, ready, settings, words};

type Row = (String, Option<String>, Option<String>);

fn row(map: &ConfigMap) -> Row {
    (map.name_any(), map.uid(), map.resource_version())
}

fn stored(store: &Store<ConfigMap>) -> Vec<Row> {
    let mut rows: Vec<_> = store.state().iter().map(Arc::as_ref).map(row).collect();
    rows.sort();
    rows
}

async fn listed(api: &Api<ConfigMap>) -> Vec<Row> {
    // The server may just restart.
    let list = loop {
        if let Ok(list) = api.list(&ListParams::default()).await {
            break list;
        }
    };
    let mut rows: Vec<_> = list.items.iter().map(row).collect();
    rows.sort();
    rows
}

/// Writes and faults by turns.
async fn ends_equal(lists: Lists, seed: u64) {
    let fixed: Vec<_> = (0..10).map(|number| format!("fixed-{number}")).collect();
    let (cluster, api) = cluster(&fixed.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let admin = Api::<ConfigMap>::default_namespaced(cluster.client().unwrap());
    let (store, told, reflect) = settings(api);
    let reflection = reflect.lists(lists).page_size(3).start();
    ready(&reflection).await;
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut there = std::collections::BTreeSet::new();
    for round in 0..40 {
        let faults = cluster.faults();
        match rng.u8(..8) {
            0 => drop(faults.add(calls("watch").first(1), Fault::expired())),
            1 => {
                faults.add(calls("watch").first(1), Fault::expired());
                faults.add(calls("list").first(2), Fault::cut_after_bytes(rng.u64(..3000)));
            }
            2 => {
                faults.add(calls("watch").first(2), Fault::expired());
                faults.add(calls("list").nth(rng.u64(1..4)), Fault::internal_error("no"));
            }
            3 => drop(faults.add(calls("watch").first(2), Fault::cut_after_bytes(rng.u64(..2000)))),
            4 => drop(faults.add(calls("watch").first(3), Fault::cut_after_events(rng.u64(..8)))),
            5 => drop(faults.add(calls("watch").first(1), Fault::cut_after_events(rng.u64(..8)).cleanly())),
            6 => drop(faults.add(calls("watch").first(2), Fault::forbidden())),
            _ => faults.compact(),
        }
        faults.restart();
        for _ in 0..rng.u8(1..10) {
            let name = format!("map-{}", rng.u8(..12));
            if there.remove(&name) {
                delete(&cluster, &name).await;
            } else {
                create(&cluster, &name);
                there.insert(name);
            }
            if rng.u8(..4) == 0 {
                tokio::time::sleep(Duration::from_millis(rng.u64(..6))).await;
            }
        }
        cluster.faults().clear();
        let equal = async {
            while stored(&store) != listed(&admin).await || words(&reflection.state()) != "live" {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let end = tokio::time::timeout(PATIENCE, equal).await;
        assert!(end.is_ok(), "round {round} of {seed}: {:#?}\n{:#?}", stored(&store), listed(&admin).await);
    }
    let counts = reflection.counts();
    assert!(counts.lists > 5 && told.errors().len() > 20, "{counts:?}: nothing was tried");
    assert_eq!(counts.refused, 0);
}

#[tokio::test]
async fn pages() {
    ends_equal(Lists::Paged, 1).await;
}

#[tokio::test]
async fn streamed_lists() {
    ends_equal(Lists::Streamed, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_the_server_has() {
    ends_equal(Lists::Auto, 3).await;
}
