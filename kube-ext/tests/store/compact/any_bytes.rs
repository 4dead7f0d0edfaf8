//! Pods with some bytes exchanged.
use super::{bytes::Stores, pod};

#[test]
fn what_is_taken_is_given_back() {
    let mut rng = fastrand::Rng::with_seed(5);
    let shapes = |number: usize| ["web", "queue"][number % 2];
    let trained = (0..300).map(|number| pod("trained", shapes(number), &mut rng)).collect::<Vec<_>>();
    let mut stores = Stores::with(trained.into_iter());
    let mut taken = [0; 2];
    for number in 0..3_000 {
        let mut bytes = pod(&format!("pod-{number}"), shapes(number), &mut rng).to_string().into_bytes();
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
