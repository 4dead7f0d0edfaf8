//! What the targets have in common. What they compare is what the library's own tests compare.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a target fails by panicking")]

#[path = "../../tests/slim/agree.rs"]
mod agree;
#[path = "../../tests/store/compact/bytes.rs"]
mod bytes;
#[path = "../../tests/cluster/generate.rs"]
mod generate;
#[path = "../../tests/slim/mutate.rs"]
mod mutate;
#[path = "../../tests/slim/random.rs"]
mod random;
#[path = "../../tests/slim/unique.rs"]
mod unique;

use std::sync::{LazyLock, Mutex, PoisonError};

use libfuzzer_sys::arbitrary::Unstructured;

use self::{
    bytes::Stores,
    mutate::{Choices, mutate},
};

/// So many parts of a pod are exchanged at most.
const MUTATIONS: usize = 16;

impl Choices for Unstructured<'_> {
    fn below(&mut self, end: usize) -> usize {
        self.choose_index(end).unwrap_or(0)
    }
}

/// The JSON of a pod, as these bytes exchange parts of it.
pub fn mutated(bytes: &[u8]) -> Vec<u8> {
    let mut choices = Unstructured::new(bytes);
    let mut pod = random::pod(choices.arbitrary::<u8>().unwrap_or(0).into());
    for _ in 0..MUTATIONS {
        if choices.is_empty() {
            break;
        }
        mutate(&mut pod, &mut choices);
    }
    pod.to_string().into_bytes()
}

/// Reads a pod and a view of it, and compares them.
pub fn view(bytes: &[u8]) {
    agree::read(bytes);
}

/// Puts an object into stores and looks what they have. They stay for the next one.
pub fn keep(bytes: &[u8]) {
    static STORES: LazyLock<Mutex<Stores>> = LazyLock::new(|| Stores::with((0..300).map(random::pod)).into());
    STORES.lock().unwrap_or_else(PoisonError::into_inner).take(bytes);
}
