//! Logs that only a node can write: of containers that crash and start again, wait, come and go.

mod all;
mod restarts;
mod waiting;
mod workload;

use kube_ext::logs::{LogExt as _, Tail};

use crate::exec::setup::Scene;
use crate::logs::setup::SOON;

/// Waits until a line has been logged.
async fn until_logged(scene: &Scene, pod: &str, container: &str, pattern: &str) {
    let mut logs = scene.pods().tail(Tail::new().pod(pod).container(container).follow());
    logs.wait_for(pattern, SOON).await.unwrap();
}
