//! What a server does not do, and why.
use std::time::Duration;

use kube_ext::{
    exec::{Cause, Error, ExecExt as _},
    fake::{Calls, Exit, Fault},
};
use serde_json::{Value, json};

use super::setup::{
    MIB, V5, answer, cluster_with, command, pod, pods, send, server_with_pod, until_gone, within,
    within_seconds,
};

const REFUSAL: &str = r#"Internal error occurred: unable to upgrade connection: container not found ("app")"#;

/// An API server up to 1.35: it says yes, asks the node, and says later what that said.
async fn late(answer: String) -> kube::Api<k8s_openapi::api::core::v1::Pod> {
    let status = json!({"metadata": {}, "status": "Failure", "message": REFUSAL, "reason": "InternalError", "code": 500});
    server_with_pod(V5, answer, move |mut socket| {
        let status = status.to_string();
        async move {
            send(&mut socket, 3, status).await;
            until_gone(socket).await;
        }
    })
    .await
}

async fn error(answer: String) -> Error {
    within(command(&late(answer).await).output()).await.unwrap_err()
}

fn waiting() -> Value {
    let mut pod = pod("web");
    pod["status"]["containerStatuses"][0]["state"] = json!({"waiting": {"reason": "CrashLoopBackOff"}});
    pod
}

#[tokio::test]
async fn a_refusal_after_the_upgrade() {
    let because = error(answer("200 OK", &waiting())).await;
    assert_eq!(
        because.to_string(),
        "exec x in pod default/web container app: container is not running: waiting (CrashLoopBackOff)"
    );
    assert!(matches!(because.cause(), Cause::NotRunning { .. }));

    let mut over = pod("web");
    over["status"]["phase"] = "Failed".into();
    let because = error(answer("200 OK", &over)).await;
    assert!(matches!(because.cause(), Cause::PodNotRunning { phase, .. } if phase == "Failed"), "{because}");

    let mut other = pod("web");
    other["spec"]["containers"][0]["name"] = "web".into();
    let because = error(answer("200 OK", &other)).await;
    assert!(matches!(because.cause(), Cause::NoSuchContainer { .. }), "{because}");

    // Where the pod says nothing, or is not to be read, the node's words stay.
    let nothing = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": "no", "reason": "Forbidden", "code": 403});
    for answer in [answer("200 OK", &pod("web")), answer("403 Forbidden", &nothing), String::new()] {
        let because = within(command(&late(answer).await).keepalive(Duration::from_secs(3)).output())
            .await
            .unwrap_err();
        assert!(matches!(because.cause(), Cause::Failed { message, .. } if message == REFUSAL), "{because}");
    }
}

#[tokio::test]
async fn a_refusal_of_an_attachment_after_the_upgrade() {
    let pods = late(answer("200 OK", &waiting())).await;
    let mut attached = within(pods.attach_to("web").spawn()).await.unwrap();
    let because = within(attached.wait()).await.unwrap_err();
    assert_eq!(
        because.to_string(),
        "attach in pod default/web container app: container is not running: waiting (CrashLoopBackOff)"
    );
}

#[tokio::test]
async fn a_pod_that_cannot_be_read_in_time_explains_nothing() {
    let cluster = cluster_with(async |_| Exit::SUCCESS).await;
    let refusal = Fault::text(500, r#"container not found ("app")"#);
    cluster.faults().add(Calls::any().resource("pods/exec"), refusal);
    cluster.faults().add(Calls::any().resource("pods"), Fault::hang());
    let command = command(&pods(&cluster)).keepalive(Duration::from_secs(3));
    let because = within_seconds(30, command.output()).await.unwrap_err();
    assert!(matches!(because.cause(), Cause::Request { .. }), "{because}");
    assert!(because.to_string().ends_with(r#"container not found ("app")"#), "{because}");
}

/// What explains a refusal is asked for on connections that the server may be about to close.
#[tokio::test]
async fn a_pod_is_read_again_when_a_connection_is_gone() {
    let cluster = cluster_with(async |_| Exit::SUCCESS).await;
    let mut homeless = pod("homeless");
    homeless["spec"]["nodeName"] = Value::Null;
    homeless["spec"]["schedulerName"] = "nobody".into();
    homeless["status"] = Value::Null;
    let homeless = serde_json::from_value(homeless).unwrap();
    pods(&cluster).create(&kube::api::PostParams::default(), &homeless).await.unwrap();
    for (gone, explained) in [(1, true), (2, true), (3, false)] {
        cluster.faults().clear();
        let refusal = Fault::text(500, r#"container not found ("app")"#);
        cluster.faults().add(Calls::any().resource("pods/exec"), refusal);
        cluster.faults().add(Calls::any().resource("pods").first(gone), Fault::drop_connection());
        let because =
            within(pods(&cluster).command("homeless", "x").container("app").output()).await.unwrap_err();
        assert_eq!(matches!(because.cause(), Cause::PodNotRunning { .. }), explained, "{gone}: {because:?}");
    }
}

#[tokio::test]
async fn what_is_not_found_may_be_no_pod() {
    let cluster = cluster_with(async |_| Exit::SUCCESS).await;
    for fault in [
        Fault::text(404, "404 page not found"),
        Fault::status(404, "NotFound", r#"nodes "node" not found"#),
        Fault::status(404, "NotFound", "the server could not find the requested resource"),
    ] {
        cluster.faults().clear();
        cluster.faults().add(Calls::any().resource("pods/exec"), fault);
        let because = within(command(&pods(&cluster)).output()).await.unwrap_err();
        assert!(matches!(because.cause(), Cause::Request { .. }), "{because:?}");
    }
    cluster.faults().clear();
    let because = within(pods(&cluster).command("nobody", "x").container("app").output()).await.unwrap_err();
    assert!(matches!(because.cause(), Cause::PodNotFound { .. }), "{because:?}");
}

#[tokio::test]
async fn input_that_nobody_would_write() {
    let cluster = cluster_with(async |_| Exit::SUCCESS).await;
    let because = within(command(&pods(&cluster)).input("x").spawn()).await.unwrap_err();
    assert!(matches!(because.cause(), Cause::Invalid { .. }), "{because}");
    assert_eq!(
        because.to_string(),
        "exec x in pod default/web container app: input is for output() and status(), or else stdin(Stdio::Piped)"
    );
    assert!(cluster.requests().is_empty());
}

/// What the path of the cluster's URL may take is left free.
#[tokio::test]
async fn a_command_that_no_address_can_hold() {
    let cluster = cluster_with(async |_| Exit::SUCCESS).await;
    let command = command(&pods(&cluster));
    for long in ["x".repeat(63 * 1024), "%".repeat(22 * 1024), "x".repeat(MIB)] {
        let because = within(command.clone().arg(long).output()).await.unwrap_err();
        assert!(matches!(because.cause(), Cause::Invalid { .. }), "{because}");
        assert!(because.to_string().contains("64 KiB"), "{because}");
    }
    assert!(cluster.requests().is_empty());
    for long in ["x".repeat(61 * 1024), "%".repeat(20 * 1024)] {
        assert!(within(command.clone().arg(long).output()).await.unwrap().status.success());
    }
}
