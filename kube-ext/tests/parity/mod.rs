//! The same requests to the real server and to the one inside the process, and what differs between the answers.

mod connection;
mod plain;
mod run;
mod scenario;
mod stage;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use futures::{StreamExt, stream};
use kube_ext::fake::FakeCluster;
use serde_json::Value;

pub(crate) use run::Clients;
pub(crate) use scenario::all as scenarios;
pub(crate) use stage::Stage;

/// How many scenarios are played at once.
const CONCURRENCY: usize = 8;

/// Of each scenario its steps: the request, and the answer in a form that is the same in every run.
pub(crate) type Transcript = BTreeMap<String, Vec<Value>>;

/// Plays all scenarios on one cluster.
pub(crate) async fn play(clients: &Clients, stage: &dyn Stage) -> Transcript {
    stream::iter(scenarios())
        .map(|scenario| async move { (scenario.scenario.clone(), run::run(&scenario, clients, stage).await) })
        .buffer_unordered(CONCURRENCY)
        .collect()
        .await
}

/// Plays all scenarios on a server inside the process.
pub(crate) async fn of_fake() -> Transcript {
    let cluster = FakeCluster::builder().start().await.expect("fake cluster");
    let clients = Clients {
        admin: cluster.client().expect("client"),
        powerless: cluster.client_as("powerless").expect("client"),
    };
    play(&clients, &stage::Fake(&cluster)).await
}

/// The folder of the real server's answers, a file for each scenario.
pub(crate) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/parity")
}

/// What the real server answered when it was recorded.
pub(crate) fn recorded() -> Transcript {
    let files = fs::read_dir(folder()).expect("the recorded answers");
    files
        .map(|file| {
            let path = file.unwrap().path();
            let steps = fs::read_to_string(&path).unwrap();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, serde_json::from_str(&steps).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
        })
        .collect()
}
