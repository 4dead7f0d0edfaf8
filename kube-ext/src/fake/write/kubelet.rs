//! What a node does for a pod that is to go: it stops the containers, and tells the API server that it is done.
use std::{sync::Arc, time::Duration};

use serde_json::Value;

use super::{Writer, delete::Deletion, object::Object};
use crate::fake::{
    server::Shared,
    store::{Key, Stored},
};

/// How long containers take to stop; less if the pod's grace is shorter.
const STOP: Duration = Duration::from_millis(100);

/// A pod whose containers are to be stopped.
#[derive(Debug)]
pub(super) struct Stopping {
    key: Key,
    uid: String,
    after: Duration,
}

impl Writer<'_, '_> {
    /// Has the node of a pod stop its containers. A node that is not in the cluster does nothing: the pod stays.
    pub(super) fn stop_pod(&mut self, pod: &Stored) {
        let object = Object::of(pod);
        let node = object.content_text("/spec/nodeName");
        let node = Key { resource: "nodes".into(), namespace: String::new(), name: node.to_owned() };
        if self.transaction.get(&node).is_some() {
            let grace =
                object.metadata.get("deletionGracePeriodSeconds").and_then(Value::as_u64).unwrap_or(0);
            let after = STOP.min(Duration::from_secs(grace));
            self.stopping.push(Stopping { key: pod.key.clone(), uid: pod.uid.clone(), after });
        }
    }
}

/// Takes pods away when their containers had the time to stop, unless the cluster ends before.
pub(super) fn stop(shared: &Arc<Shared>, pods: Vec<Stopping>) {
    for pod in pods {
        let shared = shared.clone();
        tokio::spawn(async move {
            if shared.stop.run_until_cancelled(tokio::time::sleep(pod.after)).await.is_none() {
                return;
            }
            let deletion = Deletion { grace: Some(0), uid: Some(pod.uid), ..Deletion::default() };
            let (_, stopping) = Writer::run(&shared, false, |writer| {
                let kind = writer.kinds.of_storage(&pod.key.resource)?;
                // If somebody else took the pod away, that is as well.
                writer.delete(&kind, &pod.key, &deletion).ok()
            });
            // A pod that goes can take others with it, which are stopped in their turn.
            stop(&shared, stopping);
        });
    }
}
