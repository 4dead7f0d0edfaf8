//! Pods with some bytes exchanged.
use serde_json::json;

use super::{bytes::Stores, pod};

#[test]
fn what_is_taken_is_given_back() {
    let mut rng = fastrand::Rng::with_seed(5);
    // Half of them are of two owners, and hardly differ from their siblings.
    let owned = ["web", "queue"].map(|shape| {
        let mut pod = pod("owned", shape, &mut rng);
        let owner =
            json!({"apiVersion": "v1", "kind": "Set", "name": shape, "uid": shape, "controller": true});
        pod["metadata"]["ownerReferences"] = json!([owner]);
        pod
    });
    let make = |name: &str, number: usize, rng: &mut fastrand::Rng| match number % 4 {
        kind @ (0 | 1) => {
            let mut pod = owned[kind].clone();
            pod["metadata"]["name"] = name.into();
            pod["status"]["phase"] = number.to_string().into();
            pod
        }
        2 => pod(name, "web", rng),
        _ => pod(name, "queue", rng),
    };
    let trained = (0..300).map(|number| make("trained", number, &mut rng)).collect::<Vec<_>>();
    let mut stores = Stores::with(trained.into_iter());
    let mut taken = [0; 2];
    for number in 0..3_000 {
        let mut bytes = make(&format!("pod-{number}"), number, &mut rng).to_string().into_bytes();
        for _ in 0..rng.u8(1..4) {
            let at = rng.usize(..bytes.len());
            match rng.u8(..4) {
                0 => bytes[at] = rng.u8(..),
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, rng.choice(*b" \t\n\"{}[],:\\0").unwrap()),
                _ => bytes[at] = bytes[at].wrapping_add(1),
            }
        }
        taken[usize::from(stores.take(&bytes))] += 1;
    }
    assert!(taken.iter().all(|count| *count > 500), "{taken:?}");
}
