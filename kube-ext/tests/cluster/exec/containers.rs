//! Which container it is, and what if it does not run.

use kube_ext::exec::{Error, ExecExt as _};
use serde_json::{Value, json};

use super::setup::{LIMIT, Scene, container, kind, play, pod, pod_with, sleeper};

/// The container in which a command runs.
async fn chosen(scene: &Scene, pod: &str, container: Option<&str>) -> Result<String, Error> {
    let mut command = scene.pods().command(pod, "sh").args(["-c", "echo $CONTAINER"]);
    if let Some(container) = container {
        command = command.container(container);
    }
    let output = command.output().await?;
    Ok(String::from_utf8(output.stdout).unwrap().trim_end().to_owned())
}

/// The text after the operation and its object, which are as they should be, of a command and of an attachment.
async fn refusal(scene: &Scene, pod: &str, container: Option<&str>) -> (String, String) {
    let error = chosen(scene, pod, container).await.unwrap_err();
    let mut attach = scene.pods().attach_to(pod);
    if let Some(container) = container {
        attach = attach.container(container);
    }
    let other = attach.spawn().await.unwrap_err();
    assert_eq!(kind(&other), kind(&error), "{other}");
    let object = format!("pod {}/{pod}", scene.namespace.name);
    for (error, verb) in [(&error, "exec sh"), (&other, "attach")] {
        let text = error.to_string();
        assert!(text.starts_with(&format!("{verb} in {object}")), "{text}");
        if let Some(container) = container {
            assert!(text.starts_with(&format!("{verb} in {object} container {container}: ")), "{text}");
        }
    }
    let text = error.to_string();
    let (_, why) = text.split_once(": ").unwrap();
    (kind(&error), why.to_owned())
}

fn refused(kind: &str, why: &str) -> (String, String) {
    (kind.to_owned(), why.to_owned())
}

fn terminated(code: i32) -> Value {
    let reason = if code == 0 { "Completed" } else { "Error" };
    json!({"terminated": {"exitCode": code, "reason": reason}})
}

#[tokio::test(flavor = "multi_thread")]
async fn the_one_that_kubectl_would_pick() {
    play("choice", LIMIT, async |scene| {
        let two = [sleeper("one"), sleeper("two")];
        scene.start(pod("plain", &two)).await;
        let mut annotated = pod("annotated", &two);
        annotated["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/default-container": "two"});
        scene.start(annotated).await;
        assert_eq!(chosen(scene, "plain", None).await.unwrap(), "one");
        assert_eq!(chosen(scene, "plain", Some("two")).await.unwrap(), "two");
        assert_eq!(chosen(scene, "annotated", None).await.unwrap(), "two");
        assert_eq!(chosen(scene, "annotated", Some("one")).await.unwrap(), "one");

        let no_such = refused("NoSuchContainer", "no such container three, out of: one, two");
        assert_eq!(refusal(scene, "plain", Some("three")).await, no_such);
        let missing = refused("PodNotFound", "pods \"missing\" not found");
        assert_eq!(refusal(scene, "missing", None).await, missing);
        assert_eq!(refusal(scene, "missing", Some("one")).await, missing);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn containers_that_do_not_run() {
    play("states", LIMIT, async |scene| {
        let spec = json!({
            "restartPolicy": "Never",
            "initContainers": [container("setup", &["true"])],
            "containers": [sleeper("app"), container("done", &["sh", "-c", "exit 0"]), container("failed", &["sh", "-c", "exit 3"])],
        });
        let states = [terminated(0), json!({"running": {}}), terminated(0), terminated(3)];
        scene.start(pod_with("partly", spec, "Running", &states)).await;
        let spec = json!({"restartPolicy": "Never", "containers": [container("app", &["true"])]});
        scene.start(pod_with("finished", spec, "Succeeded", &[terminated(0)])).await;
        let spec = json!({"restartPolicy": "Never", "containers": [container("app", &["false"])]});
        scene.start(pod_with("failed", spec, "Failed", &[terminated(1)])).await;
        let mut missing = sleeper("app");
        missing["image"] = "kube-ext.local/missing:1".into();
        let waiting = json!({"waiting": {"reason": "ErrImageNeverPull"}});
        scene.start(pod_with("no-image", json!({"containers": [missing]}), "Pending", &[waiting])).await;
        let spec = json!({
            "initContainers": [sleeper("setup")],
            "containers": [sleeper("app")],
        });
        let waiting = json!({"waiting": {"reason": "PodInitializing"}});
        scene.start(pod_with("initialises", spec, "Pending", &[json!({"running": {}}), waiting])).await;

        let not_running = |state: &str| refused("NotRunning", &format!("container is not running: {state}"));
        for (container, state) in [
            ("setup", "terminated (Completed, exit code 0)"),
            ("done", "terminated (Completed, exit code 0)"),
            ("failed", "terminated (Error, exit code 3)"),
        ] {
            assert_eq!(refusal(scene, "partly", Some(container)).await, not_running(state));
        }
        assert_eq!(chosen(scene, "partly", None).await.unwrap(), "app");
        for container in [None, Some("app")] {
            let no_image = not_running("waiting (ErrImageNeverPull)");
            assert_eq!(refusal(scene, "no-image", container).await, no_image);
            assert_eq!(refusal(scene, "initialises", container).await, not_running("waiting (PodInitializing)"));
            let over = |phase: &str| {
                refused("PodNotRunning", &format!("pod is not running: current phase is {phase}"))
            };
            assert_eq!(refusal(scene, "finished", container).await, over("Succeeded"));
            assert_eq!(refusal(scene, "failed", container).await, over("Failed"));
        }
        // That one runs, as long as it does.
        assert_eq!(chosen(scene, "initialises", Some("setup")).await.unwrap(), "setup");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_runs_nowhere() {
    play("nowhere", LIMIT, async |scene| {
        let spec = json!({"schedulerName": "nobody", "containers": [sleeper("app")]});
        scene.create(pod_with("homeless", spec, "Pending", &[])).await;
        let why = "pod is not running: current phase is Pending";
        for container in [None, Some("app")] {
            assert_eq!(refusal(scene, "homeless", container).await, refused("PodNotRunning", why));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_is_deleted_meanwhile() {
    play("deleted", LIMIT, async |scene| {
        scene.start_web().await;
        let mut child = scene.sh("echo here; exec sleep 1000").spawn().await.unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let mut line = [0; 5];
        tokio::io::AsyncReadExt::read_exact(&mut stdout, &mut line).await.unwrap();
        scene.pods().delete("web", &kube::api::DeleteParams::default()).await.unwrap();
        // Its container is killed, and with it all that runs there.
        assert_eq!(child.wait().await.unwrap().code(), 137);
    })
    .await;
}
