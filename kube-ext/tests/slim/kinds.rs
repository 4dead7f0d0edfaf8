//! Views of nodes, deployments and events show what the whole objects show, of odd ones, too.
use chrono::Utc;
use fastrand::Rng;
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Event, Node},
};
use kube::Resource;
use kube_ext::{
    columns::Columns,
    slim::{DeploymentSlim, EventSlim, NodeSlim, Slim},
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{generate_kinds, mutate::mutate};

/// Objects as they were made, and with random parts exchanged: what the whole object shows, the view shows, and what is no object is one
/// for the view only if it does not read the part that is wrong.
fn check<K, V>(make: fn(u64) -> Value)
where
    K: Columns + DeserializeOwned + Resource,
    V: Columns + Slim<Of = K>,
{
    let mut rng = Rng::with_seed(5);
    let now = Utc::now();
    let (mut both, mut neither, mut only) = (0, 0, 0);
    assert_eq!(V::columns(), K::columns());
    for seed in 0..9_000 {
        let mut value = make(seed);
        if seed >= 3_000 {
            for _ in 0..rng.u8(1..4) {
                mutate(&mut value, &mut rng);
            }
        }
        let text = value.to_string();
        match (serde_json::from_str::<K>(&text), serde_json::from_str::<V>(&text)) {
            (Ok(whole), Ok(view)) => {
                both += 1;
                assert_eq!(view.cells_at(now), whole.cells_at(now), "{text}");
                assert_eq!(view.slim_meta().object_meta().uid, whole.meta().uid, "{text}");
                assert_eq!(view.slim_meta().object_meta().namespace, whole.meta().namespace, "{text}");
            }
            (Err(_), Err(_)) => neither += 1,
            (Err(_), Ok(_)) => only += 1,
            (Ok(_), Err(error)) => panic!("{error}: {text}"),
        }
    }
    assert!(both > 3_300 && neither > 300 && only > 30, "{both} {neither} {only}");
}

#[test]
fn nodes() {
    check::<Node, NodeSlim>(generate_kinds::node);
}

#[test]
fn deployments() {
    check::<Deployment, DeploymentSlim>(|seed| {
        let (mut deployment, status) = generate_kinds::deployment(seed);
        deployment["status"] = status;
        deployment
    });
}

#[test]
fn events() {
    check::<Event, EventSlim>(|seed| generate_kinds::event(seed, "default"));
}

/// Without what hangs off them.
#[test]
fn sizes() {
    assert_eq!([size_of::<NodeSlim>(), size_of::<DeploymentSlim>(), size_of::<EventSlim>()], [208, 296, 328]);
}
