//! What a watch is to see: config maps that come, change and go.

use fastrand::Rng;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::json;

/// Writes at random, to so few names that they come again.
pub(crate) struct Writes<'a> {
    api: &'a Api<ConfigMap>,
    rng: Rng,
    round: u32,
}

impl<'a> Writes<'a> {
    pub(crate) fn new(api: &'a Api<ConfigMap>) -> Self {
        Self { api, rng: Rng::with_seed(3), round: 0 }
    }

    /// Applies one, or deletes it if it is there.
    pub(crate) async fn next(&mut self) {
        self.round += 1;
        let name = format!("map-{}", self.rng.u8(..12));
        if self.rng.u8(..3) == 0 {
            let _ = self.api.delete(&name, &DeleteParams::default()).await;
        } else {
            let patch = Patch::Apply(json!({
                "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name},
                "data": {"round": self.round.to_string()},
            }));
            self.api.patch(&name, &PatchParams::apply("kube-ext-test").force(), &patch).await.unwrap();
        }
    }
}
