//! Who may do it.

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube_ext::exec::{Cause, Error, ExecExt as _};

use super::setup::{LIMIT, Scene, play};

type Rules<'a> = &'a [(&'a [&'a str], &'a [&'a str])];

async fn pods_of(scene: &Scene, rules: Rules<'_>) -> Api<Pod> {
    Api::namespaced(scene.cluster.user(&scene.namespace, rules).await, &scene.namespace.name)
}

/// The resource that somebody has no right to, and the server's words.
fn forbidden(error: &Error) -> (&'static str, String) {
    match error.cause() {
        Cause::Forbidden { resource, .. } => (resource, error.to_string()),
        _ => panic!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_that_are_missing() {
    play("access", LIMIT, async |scene| {
        scene.start_web().await;
        let reads: (&[&str], &[&str]) = (&["get", "list"], &["pods", "pods/log"]);
        let cases: [(Rules<'_>, &str); 4] = [
            (&[reads], "get"),
            (&[reads, (&["get"], &["pods/exec", "pods/attach"])], "create"),
            (&[reads, (&["create"], &["pods/exec", "pods/attach"])], "get"),
            // The parent covers none of it.
            (&[(&["*"], &["pods"])], "get"),
        ];
        for (rules, verb) in cases {
            let pods = pods_of(scene, rules).await;
            let namespace = &scene.namespace.name;
            for container in [None, Some("app")] {
                let mut command = pods.command("web", "true");
                let mut attach = pods.attach_to("web");
                if let Some(container) = container {
                    (command, attach) = (command.container(container), attach.container(container));
                }
                let errors = [
                    command.output().await.unwrap_err(),
                    command.spawn().await.unwrap_err(),
                    command.status().await.unwrap_err(),
                ];
                for error in errors {
                    let (resource, text) = forbidden(&error);
                    assert_eq!(resource, "pods/exec", "{text}");
                    let start = format!(
                        "exec true in pod {namespace}/web container app: pods \"web\" is forbidden: "
                    );
                    assert!(text.starts_with(&start), "{text}");
                    // Of the second of its checks the server gives no reason.
                    let says = format!("cannot {verb} resource \"pods/exec\"");
                    assert!(verb == "create" || text.contains(&says), "{text}");
                }
                let (resource, text) = forbidden(&attach.spawn().await.unwrap_err());
                assert_eq!(resource, "pods/attach", "{text}");
                let says = format!("cannot {verb} resource \"pods/attach\"");
                assert!(verb == "create" || text.contains(&says), "{text}");
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_that_suffice() {
    play("enough", LIMIT, async |scene| {
        scene.start_web().await;
        let pods = pods_of(scene, &[(&["get", "create"], &["pods/exec"])]).await;
        let command = pods.command("web", "sh").args(["-c", "exit 5"]);
        assert_eq!(command.clone().container("app").status().await.unwrap().code(), 5);
        // To choose a container, the pod must be read; so it must for an attachment.
        let (resource, text) = forbidden(&command.output().await.unwrap_err());
        assert_eq!(resource, "pods", "{text}");
        assert!(text.contains("cannot get resource \"pods\""), "{text}");
        // Why it does not run, nobody may see; that it does not is no secret.
        let error = pods.command("web", "true").container("none").output().await.unwrap_err();
        assert!(matches!(error.cause(), Cause::Request { .. }), "{error:?}");
        assert!(error.to_string().ends_with(": container none is not valid for pod web"), "{error}");
        let error = pods.command("missing", "true").container("app").output().await.unwrap_err();
        assert!(matches!(error.cause(), Cause::PodNotFound { .. }), "{error:?}");
    })
    .await;
}
