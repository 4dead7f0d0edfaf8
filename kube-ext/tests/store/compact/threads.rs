//! Readers beside a writer.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

use fastrand::Rng;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::{reflector::ObjectRef, watcher::Event};
use kube_ext::store::{CompactStore, Raw};
use serde::Deserialize;
use serde_json::json;

const NAMES: usize = 40;
const WRITES: usize = 3000;

#[derive(Deserialize)]
struct Row {
    spec: Spec,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    node_name: String,
}

fn object(number: usize, round: usize) -> Raw<Pod> {
    // Siblings are packed together, as long as their template is the same.
    let mut rng = Rng::with_seed((round / 400 * 4 + number % 4) as u64);
    let template: String = (0..200).map(|_| rng.alphanumeric()).collect();
    let round = round.to_string();
    let owner = json!({
        "apiVersion": "v1", "kind": "Set", "name": "set", "uid": format!("owner-{}", number % 4), "controller": true,
    });
    let json = json!({
        "metadata": {
            "namespace": "default", "name": format!("pod-{number}"), "resourceVersion": round,
            "ownerReferences": if number % 8 > 3 { json!([owner]) } else { json!([]) },
        },
        "spec": {"nodeName": round, "containers": [{"name": template, "image": round.repeat(100)}]},
    });
    Raw::from_json(&json.to_string()).unwrap()
}

/// Readers end however the writer does.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// An object is whole, of its name, and never older than one that was read before it: even of those that are kept as they were read.
#[test]
fn readers_never_go_back() {
    let (store, mut writer) = CompactStore::<Pod, Row>::builder()
        .cached(NAMES / 2)
        .index("node", |row: &Row, key| key(&row.spec.node_name))
        .build();
    for number in 0..NAMES {
        writer.apply_watcher_event(Event::Apply(object(number, 0))).unwrap();
    }
    let (is_done, reads) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|threads| {
        for seed in 0..3 {
            let (store, is_done, reads) = (store.clone(), &is_done, &reads);
            threads.spawn(move || {
                let mut rng = Rng::with_seed(seed);
                let mut last = [0; NAMES];
                while !is_done.load(Ordering::Acquire) {
                    let number = rng.usize(..NAMES);
                    let name = ObjectRef::new(&format!("pod-{number}")).within("default");
                    // The first half comes and goes.
                    let Some(pod) = store.get(&name).unwrap() else {
                        assert!(number < NAMES / 2, "{name:?} was there all the time");
                        continue;
                    };
                    let spec = pod.spec.as_ref().unwrap();
                    let round = spec.node_name.as_deref().unwrap();
                    assert_eq!(pod.metadata.name.as_deref(), Some(&*name.name));
                    assert_eq!(pod.metadata.resource_version.as_deref(), Some(round));
                    let round: usize = round.parse().unwrap();
                    assert!(round >= last[number], "{round} after {}", last[number]);
                    last[number] = round;
                    for name in store.indexed("node", &round.to_string()).unwrap() {
                        assert!(name.name.starts_with("pod-"));
                    }
                    if rng.u8(..50) == 0 {
                        let whole = store.objects().map(Result::unwrap).count();
                        assert!((NAMES / 2..=NAMES + NAMES / 2).contains(&whole), "{whole}");
                    }
                    reads.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let _done = Done(&is_done);
        let mut rng = Rng::with_seed(9);
        let mut round = 0;
        // Readers who failed read no more.
        while round < WRITES || (round < 100 * WRITES && reads.load(Ordering::Relaxed) < WRITES) {
            round += 1;
            let number = rng.usize(..NAMES);
            if number < NAMES / 2 && rng.bool() {
                writer.apply_watcher_event(Event::Delete(object(number, round))).unwrap();
            } else {
                writer.apply_watcher_event(Event::Apply(object(number, round))).unwrap();
                // What was put there is what is read from then on.
                let name = ObjectRef::new(&format!("pod-{number}")).within("default");
                let pod = store.get(&name).unwrap().unwrap();
                assert_eq!(pod.metadata.resource_version, Some(round.to_string()));
            }
        }
    });
}

/// A row that is asked about by one who panics: the store goes on.
#[test]
fn a_panic_under_the_lock() {
    let (store, mut writer) = CompactStore::<Pod, Row>::builder().build();
    writer.apply_watcher_event(Event::Apply(object(1, 1))).unwrap();
    let reader = store.clone();
    assert!(thread::spawn(move || reader.find(|_| panic!("asked too much"))).join().is_err());
    assert!(store.find(|_| true).is_some());
    writer.apply_watcher_event(Event::Apply(object(2, 1))).unwrap();
    assert_eq!(store.len(), 2);
}
