//! An object beside the server's own cells for it.

use chrono::{DateTime, TimeDelta, Utc};
use kube_ext::columns::Columns;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Deserialize, Serialize)]
pub(crate) struct ServerRow {
    /// The clock before the request and after the answer; the server's ages are of a moment between.
    pub(crate) asked: [DateTime<Utc>; 2],
    pub(crate) object: Value,
    pub(crate) cells: Vec<String>,
}

impl ServerRow {
    /// What differs between the server's cells and ours, if they do at every moment of the server's answer: those of the object as a `K`,
    /// and of its view `V`.
    pub(crate) fn difference<K: Columns + DeserializeOwned, V: Columns + DeserializeOwned>(
        &self,
    ) -> Option<String> {
        let whole: K = serde_json::from_value(self.object.clone()).expect("an object");
        let slim: V = serde_json::from_value(self.object.clone()).expect("a view");
        let ours: Vec<_> = self.moments().into_iter().map(|now| whole.cells_at(now)).collect();
        let slims: Vec<_> = self.moments().into_iter().map(|now| slim.cells_at(now)).collect();
        let equal = ours.contains(&self.cells) && slims == ours;
        (!equal).then(|| {
            format!("server: {:?}\nours:   {ours:?}\nview:   {slims:?}\nobject: {}", self.cells, self.object)
        })
    }

    /// The moments at which an age may have changed while the server answered, and the ends.
    fn moments(&self) -> Vec<DateTime<Utc>> {
        let [from, to] = self.asked;
        assert!(to - from < TimeDelta::minutes(1), "the server took {}", to - from);
        // The times of objects here are whole and half seconds.
        let halves = from.timestamp_millis() / 500 + 1..=to.timestamp_millis() / 500;
        let halves = halves.map(|half| DateTime::from_timestamp_millis(half * 500).expect("a time"));
        [from].into_iter().chain(halves).chain([to]).collect()
    }
}
