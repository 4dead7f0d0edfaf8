//! The same requests to the real server and to the one inside the process.

mod connection;
mod plain;
mod run;
mod scenario;
pub(crate) mod stage;

use std::collections::BTreeMap;
use std::path::PathBuf;

use futures::{StreamExt, stream};
use serde_json::Value;

pub(crate) use run::Clients;
pub(crate) use stage::Stage;

/// How many scenarios are played at once.
const CONCURRENCY: usize = 8;

/// Of each scenario its steps: the request, and the answer in a form that is the same in every run.
pub(crate) type Transcript = BTreeMap<String, Vec<Value>>;

/// Plays on one cluster the scenarios whose names are meant.
pub(crate) async fn play(
    clients: &Clients,
    stage: &dyn Stage,
    is_meant: impl Fn(&str) -> bool,
) -> Transcript {
    let meant = scenario::all().into_iter().filter(|scenario| is_meant(&scenario.name));
    stream::iter(meant)
        .map(|scenario| async move { (scenario.name.clone(), run::run(&scenario, clients, stage).await) })
        .buffer_unordered(CONCURRENCY)
        .collect()
        .await
}

/// The places of the steps that only a server answers as it should which has forgotten its first versions.
pub(crate) fn expiring() -> Vec<(String, usize)> {
    let places = scenario::all().into_iter().flat_map(|scenario| {
        let steps = scenario.steps.into_iter().enumerate().filter(|(_, step)| step.expires);
        steps.map(|(place, _)| (scenario.name.clone(), place)).collect::<Vec<_>>()
    });
    places.collect()
}

/// The folder of the real server's answers, a file for each scenario.
pub(crate) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/parity")
}
