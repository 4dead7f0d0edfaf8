//! Containers that have not started yet.

use futures::TryStreamExt as _;
use kube_ext::logs::{Cause, Event, LogExt as _, LogStream, Tail};
use serde_json::json;
use tokio::time::timeout;

use super::until_logged;
use crate::exec::setup::{LIMIT, container, play, pod_with, sleeper};
use crate::logs::setup::{SOON, script};

/// So many events, each as a word and a container, and a line's text.
async fn next(logs: &mut LogStream, count: usize) -> Vec<String> {
    let mut told = Vec::new();
    while told.len() < count {
        let event = timeout(SOON, logs.try_next()).await.expect("in time").unwrap();
        told.push(match event.expect("a stream that goes on") {
            Event::Line(line) => format!("{} {}", line.container(), line.text()),
            Event::Started(source) => format!("+ {}", source.container),
            Event::Ended(source) => format!("- {}", source.container),
            // A busy node has not answered.
            Event::Interrupted { .. } => continue,
            Event::Failed(error) => {
                assert!(matches!(error.cause(), Cause::Request { .. }), "{error:?}");
                error.to_string()
            }
            other => panic!("{other:?}"),
        });
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn each_takes_its_turn() {
    play("waiting", LIMIT, async |scene| {
        let mut logs = scene.pods().tail(Tail::new().labels("app=web").follow());
        let spec = json!({
            "initContainers": [script("setup", "echo begins; sleep 3; echo ends")],
            "containers": [script("app", "echo listens; sleep 1; echo serves; exec sleep 100000")],
        });
        let mut pod = pod_with("web", spec, "Pending", &[]);
        pod["metadata"]["labels"] = json!({"app": "web"});
        scene.create(pod).await;
        // What is told of one container is in order; that of two is not.
        let setup = ["+ setup", "setup begins", "setup ends", "- setup"];
        let app = ["+ app", "app listens", "app serves"];
        let told = next(&mut logs, setup.len() + app.len()).await;
        let (of_setup, of_app): (Vec<_>, Vec<_>) = told.into_iter().partition(|told| told.contains("setup"));
        assert_eq!((&of_setup[..], &of_app[..]), (&setup.map(String::from)[..], &app.map(String::from)[..]));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_at_one_that_waits() {
    play("not-yet", LIMIT, async |scene| {
        let spec = json!({
            "initContainers": [script("setup", "echo begins; exec sleep 100000")],
            "containers": [sleeper("app")],
        });
        let waiting = json!({"waiting": {"reason": "PodInitializing"}});
        scene.start(pod_with("web", spec, "Pending", &[json!({"running": {}}), waiting])).await;
        let mut missing = container("app", &["true"]);
        missing["image"] = "kube-ext.local/missing:1".into();
        let waiting = json!({"waiting": {"reason": "ErrImageNeverPull"}});
        scene.start(pod_with("stuck", json!({"containers": [missing]}), "Pending", &[waiting])).await;
        until_logged(scene, "web", "setup", "^begins$").await;

        let mut logs = scene.pods().tail(Tail::new());
        let mut told = next(&mut logs, 5).await;
        assert!(logs.try_next().await.unwrap().is_none());
        told.sort();
        let of = |pod: &str| format!("logs of pod {}/{pod} container app: ", scene.namespace.name);
        let mut expected = [
            "+ setup".to_owned(),
            "- setup".to_owned(),
            "setup begins".to_owned(),
            of("web") + r#"container "app" in pod "web" is waiting to start: PodInitializing"#,
            of("stuck") + r#"container "app" in pod "stuck" is waiting to start: ErrImageNeverPull"#,
        ];
        expected.sort();
        assert_eq!(told, expected);
    })
    .await;
}
