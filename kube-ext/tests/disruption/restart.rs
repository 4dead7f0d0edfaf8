//! The restart of the API server.

use std::time::Duration;

use tokio::process::Command;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::setup::{LONG, Scene, play};

const VARIABLE: &str = "KUBE_EXT_TEST_RESTART";
/// What a restart may take. Generous: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(240);

/// There is one server: a test has it for itself.
static SERVER: Mutex<()> = Mutex::const_new(());

/// How to restart the API server.
pub(crate) struct Restart(String);

impl Restart {
    /// Restarts it, and returns when it is ready again.
    pub(crate) async fn run(&self) {
        let command = Command::new("sh").arg("-c").arg(&self.0).kill_on_drop(true).status();
        let status = timeout(PATIENCE, command).await.expect("the restart comes to an end").expect("sh");
        assert!(status.success(), "`{}` of {VARIABLE}: {status}", self.0);
    }
}

/// Plays a test as [`play`] does, one at a time. There is none without the means to restart the server.
pub(crate) async fn play_alone(purpose: &str, test: impl AsyncFnOnce(&Scene, &Restart)) {
    let Ok(command) = std::env::var(VARIABLE) else {
        panic!(
            "{VARIABLE} is not set: it is the shell command that restarts the API server of this cluster, such as \
             `.ci/cluster/restart-apiserver full` with its whole path"
        );
    };
    let _alone = SERVER.lock().await;
    let restart = Restart(command);
    play(purpose, LONG, async |scene| test(scene, &restart).await).await;
}
