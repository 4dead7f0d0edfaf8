//! A small shop on three nodes, inside this process: for trying the examples where there is no cluster.
//!
//! One of its pods crashes again and again, one cannot be scheduled, one cannot pull its image, one cannot end, one is
//! starting; there are sidecars and init containers, jobs that come and go, and a custom resource. Containers log, and
//! have a shell that knows a few commands.
mod life;
mod logs;
mod shell;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use kube::Client;
use kube_ext::{fake::FakeCluster, yaml};
use serde_json::Value;
use tokio::task::AbortHandle;

use crate::Failure;

/// The namespace that is meant when none is given.
pub const NAMESPACE: &str = "shop";

/// The objects, as they are at [`NOON`].
const OBJECTS: &str = include_str!("../../data/demo.yaml");

/// The clock of [`OBJECTS`].
const NOON: &str = "2026-01-01T12:00:00Z";

/// The demo, for as long as this lives.
#[derive(Debug)]
pub struct Demo {
    cluster: FakeCluster,
    life: AbortHandle,
}

impl Demo {
    /// Starts the demo on the current tokio runtime.
    ///
    /// # Errors
    /// When no port of loopback can be had.
    pub async fn start() -> Result<Self, Failure> {
        let cluster = FakeCluster::builder().objects(objects(Utc::now())?).start().await.map_err(failure)?;
        let life = life::start(&cluster).map_err(failure)?;
        Ok(Self { cluster, life })
    }

    /// A client that may do everything.
    ///
    /// # Errors
    /// Never, as long as kube takes the address of loopback for one.
    pub fn client(&self) -> Result<Client, Failure> {
        self.cluster.client().map_err(failure)
    }

    /// The cluster itself.
    pub fn cluster(&self) -> &FakeCluster {
        &self.cluster
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.life.abort();
    }
}

fn failure(err: impl std::error::Error) -> Failure {
    Failure(format!("error: {err}"))
}

/// The objects of the demo, their times moved so that it is now.
fn objects(now: DateTime<Utc>) -> Result<Vec<Value>, Failure> {
    let noon: DateTime<Utc> = NOON.parse().map_err(failure)?;
    let objects = yaml::manifests(OBJECTS.as_bytes()).map(|object| {
        let mut object = serde_json::to_value(object.map_err(failure)?).map_err(failure)?;
        shift(&mut object, now - noon);
        Ok(object)
    });
    objects.collect()
}

fn shift(value: &mut Value, by: TimeDelta) {
    match value {
        Value::String(text) => {
            if let Ok(time) = text.parse::<DateTime<Utc>>() {
                *text = (time + by).to_rfc3339_opts(SecondsFormat::Secs, true);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| shift(item, by)),
        Value::Object(fields) => fields.values_mut().for_each(|field| shift(field, by)),
        _ => {}
    }
}
