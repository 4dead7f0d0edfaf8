//! Which pods and containers are read.

use kube_ext::{
    fake::{Calls, Fault},
    logs::{LogExt as _, Tail},
    pod::{ContainerKind, State},
};
use serde_json::json;

use super::setup::{Now, all, api, cluster, next, pod, running, tail};

/// The lines of a tail without following, by what they say.
async fn lines(cluster: &kube_ext::fake::FakeCluster, tail: Tail) -> Vec<String> {
    let mut lines = all(api(cluster).tail(tail)).await;
    lines.retain(|told| told.contains(": "));
    lines.sort();
    lines
}

#[tokio::test]
async fn pods_and_containers_by_name() {
    let cluster = cluster().await;
    for name in ["web-0", "web-1", "db-0"] {
        cluster.apply(&pod(name, &[("app", Now::Running, 0), ("proxy", Now::Ended(0), 0)])).unwrap();
        cluster.container("default", name, "app").log("a");
        cluster.container("default", name, "proxy").log("p");
    }
    let [web0, web1, db] =
        ["web-0", "web-1", "db-0"].map(|pod| [format!("{pod}/app: a"), format!("{pod}/proxy: p")]);
    let lines = async |tail| lines(&cluster, tail).await;
    assert_eq!(lines(tail().pod("web-1")).await, web1);
    assert_eq!(lines(tail().pod("web-1").pod("db-0")).await, [db.clone(), web1.clone()].concat());
    assert_eq!(lines(tail().pods("^web")).await, [web0.clone(), web1.clone()].concat());
    assert_eq!(lines(tail().pods("0$").pods("^db")).await, [db.clone(), web0.clone()].concat());
    assert_eq!(lines(tail().pods("web").exclude_pods("0")).await, web1);
    assert_eq!(lines(tail().pod("web-0").container("app")).await, [web0[0].clone()]);
    assert_eq!(lines(tail().pod("web-0").containers("^p")).await, [web0[1].clone()]);
    assert_eq!(lines(tail().pod("web-0").exclude_containers("^p")).await, [web0[0].clone()]);
    assert_eq!(lines(tail().pod("db-0").state(State::Terminated)).await, [db[1].clone()]);
    assert_eq!(lines(tail().fields("metadata.name=db-0")).await, db);
    assert_eq!(lines(tail().labels("app=web").labels("app!=web")).await, [""; 0]);
}

#[tokio::test]
async fn containers_of_all_kinds() {
    let cluster = cluster().await;
    let running = |name: &str| {
        json!({"name": name, "image": "x", "imageID": "", "ready": true, "restartCount": 0,
        "containerID": format!("containerd://{name}"), "state": {"running": {}}})
    };
    let pod = serde_json::from_value(json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-0", "namespace": "default"},
        "spec": {
            "nodeName": "node-0",
            "initContainers": [{"name": "setup"}, {"name": "mesh", "restartPolicy": "Always"}],
            "containers": [{"name": "app"}],
            "ephemeralContainers": [{"name": "debug"}],
        },
        "status": {
            "phase": "Running", "initContainerStatuses": [running("setup"), running("mesh")],
            "containerStatuses": [running("app")], "ephemeralContainerStatuses": [running("debug")],
        },
    }));
    cluster.apply::<k8s_openapi::api::core::v1::Pod>(&pod.unwrap()).unwrap();
    for name in ["setup", "mesh", "app", "debug"] {
        cluster.container("default", "web-0", name).log(name);
    }
    let [app, debug, mesh, setup] =
        ["app", "debug", "mesh", "setup"].map(|name| format!("web-0/{name}: {name}"));
    let lines = async |tail| lines(&cluster, tail).await;
    assert_eq!(lines(tail()).await, [&*app, &*debug, &*mesh, &*setup]);
    assert_eq!(lines(tail().without(ContainerKind::Init)).await, [&*app, &*debug, &*mesh]);
    assert_eq!(lines(tail().without(ContainerKind::Sidecar)).await, [&*app, &*debug, &*setup]);
    assert_eq!(lines(tail().without(ContainerKind::Ephemeral)).await, [&*app, &*mesh, &*setup]);
}

#[tokio::test]
async fn the_pods_of_a_workload() {
    let cluster = cluster().await;
    cluster.apply(&running("web-0")).unwrap();
    let mut other = running("db-0");
    other.metadata.labels = Some([("app".to_owned(), "db".to_owned())].into());
    cluster.apply(&other).unwrap();
    for name in ["web-0", "db-0"] {
        cluster.container("default", name, "app").log("hello");
    }
    let selects = |app: &str| json!({"matchLabels": {"app": app}, "matchExpressions": [{"key": "app", "operator": "Exists"}]});
    let objects = [
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"selector": selects("web"), "template": {}}}),
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"}, "spec": {"selector": selects("db"), "template": {}}}),
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "web"}, "spec": {"selector": selects("web"), "template": {}}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "db"}, "spec": {"selector": {"app": "db"}}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "none"}, "spec": {}}),
    ];
    for mut object in objects {
        object["metadata"]["namespace"] = "default".into();
        let object: kube::core::DynamicObject = serde_json::from_value(object).unwrap();
        cluster.apply(&object).unwrap();
    }
    let (web, db) = (["web-0/app: hello"], ["db-0/app: hello"]);
    for workload in ["deploy/web", "deployments.apps/web", "job/web", "pod/web-0", "po/web-0"] {
        assert_eq!(lines(&cluster, tail().workload(workload)).await, web, "{workload}");
    }
    for workload in ["sts/db", "svc/db", "service/db", "pods/db-0"] {
        assert_eq!(lines(&cluster, tail().workload(workload)).await, db, "{workload}");
    }
    // As a list of pods that fails, it is tried again, but not for ever.
    let reads = || Calls::verb("get").resource("services");
    cluster.faults().add(reads().first(3), Fault::internal_error("it broke"));
    assert_eq!(lines(&cluster, tail().workload("svc/db")).await, db);
    cluster.faults().add(reads(), Fault::internal_error("it broke"));
    let error = futures::StreamExt::next(&mut api(&cluster).tail(tail().workload("svc/db"))).await.unwrap();
    assert!(error.unwrap_err().to_string().ends_with("it broke"));
    cluster.faults().clear();
    let error = futures::StreamExt::next(&mut api(&cluster).tail(tail().workload("svc/none"))).await.unwrap();
    assert_eq!(
        error.unwrap_err().to_string(),
        "logs of svc/none in namespace default: it has no selector, so that it has no pods of its own"
    );
}

#[tokio::test]
async fn a_pod_that_is_made_anew_with_the_same_name() {
    let cluster = cluster().await;
    cluster.apply(&running("web-0")).unwrap();
    cluster.container("default", "web-0", "app").log("first");
    let mut logs = api(&cluster).tail(tail().follow().pod("web-0"));
    assert_eq!(next(&mut logs, 2).await, ["+ web-0/app 0", "web-0/app: first"]);
    api(&cluster).delete("web-0", &kube::api::DeleteParams::default().grace_period(0)).await.unwrap();
    assert_eq!(next(&mut logs, 1).await, ["- web-0/app 0"]);
    let mut again = running("web-0");
    again.metadata.uid = Some("another".to_owned());
    cluster.container("default", "web-0", "app").restart();
    cluster.container("default", "web-0", "app").log("second");
    cluster.apply(&again).unwrap();
    assert_eq!(next(&mut logs, 2).await, ["+ web-0/app 0", "web-0/app: second"]);
}

#[tokio::test]
async fn one_that_fails_does_not_stop_the_others() {
    let cluster = cluster().await;
    for name in ["web-0", "web-1"] {
        cluster.apply(&running(name)).unwrap();
        cluster.container("default", name, "app").log("hello");
    }
    let refused = Calls::any().resource("pods/log").name("web-0");
    cluster.faults().add(refused, Fault::forbidden());
    let mut told = all(api(&cluster).tail(tail())).await;
    told.sort();
    assert_eq!(told[..3], ["+ web-1/app 0", "- web-1/app 0", told[2].as_str()]);
    assert!(
        told[2].starts_with("failed logs of pod default/web-0 container app: pods \"web-0\" is forbidden"),
        "{told:?}"
    );
    assert_eq!(told[3..], ["web-1/app: hello"]);
}
