//! All containers of a pod.

use kube_ext::logs::{LogExt as _, Tail};
use kube_ext::pod::ContainerKind;
use serde_json::json;

use super::setup::{Ask, all_lines, check, lines, ours, print, script};
use crate::exec::setup::{LIMIT, Scene, play, pod_with};
use crate::log_node::{kubectl_logs, start};

/// In kubectl's order.
const CONTAINERS: [&str; 6] = ["setup", "proxy", "second-setup", "app", "errors", "silent"];

/// A pod with containers of all kinds, which have logged all that they will.
async fn start_web(scene: &Scene) {
    let mut proxy =
        script("proxy", "echo proxy listens; echo and warns >&2; echo proxy is ready; exec sleep 100000");
    proxy["restartPolicy"] = "Always".into();
    let numbers = "for n in $(seq 1 200); do echo out $n; echo error $n >&2; done";
    let spec = json!({
        "restartPolicy": "Never",
        "initContainers": [
            script("setup", "echo setup; echo done"),
            proxy,
            script("second-setup", "echo '  spaces   and tabs\t.  '; echo"),
        ],
        "containers": [
            script("app", &format!("{numbers}; echo app is ready; exec sleep 100000")),
            script("errors", "echo only errors >&2; exit 3"),
            script("silent", "true"),
        ],
    });
    let ended = |code: i32| json!({"terminated": {"exitCode": code, "reason": if code == 0 { "Completed" } else { "Error" }}});
    let runs = json!({"running": {}});
    let states = [ended(0), runs.clone(), ended(0), runs, ended(3), ended(0)];
    start(scene, pod_with("web", spec, "Running", &states)).await;
    assert_eq!(all_lines(scene, "web", 409).await.len(), 409);
}

#[tokio::test(flavor = "multi_thread")]
async fn byte_for_byte_as_kubectl() {
    play("logs", LIMIT, async |scene| {
        start_web(scene).await;
        for (prefix, timestamps) in [(false, false), (true, false), (false, true), (true, true)] {
            let ask = Ask { prefix, timestamps, ..Ask::default() };
            let all = lines(scene.pods().tail(Tail::new().pod("web"))).await;
            for container in CONTAINERS {
                let expected = kubectl_logs(scene, "web", container, ask).await;
                let what = format!("{container} {ask:?}");
                check(&what, &ours(scene, "web", container, ask).await, &expected);
                // And as one of many.
                let of_it = all.iter().filter(|line| line.container() == container);
                check(&what, &print(ask.format(), of_it), &expected);
            }
        }
        let read =
            async |container| String::from_utf8(ours(scene, "web", container, Ask::default()).await).unwrap();
        assert_eq!(read("setup").await, "setup\ndone\n");
        assert_eq!(read("second-setup").await, "  spaces   and tabs\t.  \n\n");
        assert_eq!(read("errors").await, "only errors\n");
        assert_eq!(read("silent").await, "");
        let app = read("app").await;
        for text in ["out ", "error "] {
            let numbers: Vec<u32> =
                app.lines().filter_map(|line| line.strip_prefix(text)?.parse().ok()).collect();
            assert!(numbers.into_iter().eq(1..=200), "{text}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_a_line_is() {
    play("sources", LIMIT, async |scene| {
        start_web(scene).await;
        let pod = scene.pods().get("web").await.unwrap();
        let all = lines(scene.pods().tail(Tail::new().labels("").pods("^we"))).await;
        for line in &all {
            let source = line.source();
            assert_eq!((&source.namespace, &source.pod), (&scene.namespace.name, &"web".to_owned()));
            assert_eq!(Some(&source.uid), pod.metadata.uid.as_ref());
            assert_eq!(Some(&source.node), pod.spec.as_ref().unwrap().node_name.as_ref());
            let kind = match line.container() {
                "setup" | "second-setup" => ContainerKind::Init,
                "proxy" => ContainerKind::Sidecar,
                _ => ContainerKind::Regular,
            };
            assert_eq!(source.kind, kind, "{source}");
        }
        let read = async |tail: Tail| {
            let mut found: Vec<_> =
                lines(scene.pods().tail(tail)).await.iter().map(|line| line.container().to_owned()).collect();
            found.sort();
            found.dedup();
            found.join(" ")
        };
        assert_eq!(read(Tail::new().without(ContainerKind::Init)).await, "app errors proxy");
        assert_eq!(
            read(Tail::new().without(ContainerKind::Sidecar).exclude_containers("^app$")).await,
            "errors second-setup setup"
        );
        assert_eq!(read(Tail::new().containers("setup$")).await, "second-setup setup");
        assert_eq!(read(Tail::new().state(kube_ext::pod::State::Running)).await, "app proxy");
    })
    .await;
}
