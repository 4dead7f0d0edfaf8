//! Lists that fail, and what there is of a graph without them.

use std::{collections::BTreeMap, time::Duration};

use futures::StreamExt as _;
use kube::{
    Client, Config,
    client::Body,
    config::{KubeConfigOptions, Kubeconfig},
};
use kube_ext::{
    fake::{Calls, FakeCluster, Fault, Rule},
    owners::{Builder, Cause, Change, Flaw, Kinds, OwnerGraph, OwnersExt as _, Presence},
};
use serde_json::json;
use tokio::time::timeout;

use super::{cluster, map, object, uid};

/// How many lists of each resource were asked for.
fn lists(cluster: &FakeCluster) -> BTreeMap<String, usize> {
    let mut lists = BTreeMap::new();
    for request in cluster.requests().iter().filter(|request| request.verb == "list") {
        *lists.entry(request.resource.clone()).or_default() += 1;
    }
    lists
}

#[tokio::test]
async fn each_page_of_each_kind_is_asked_for_once() {
    let maps = (0..25).map(|number| map(number, &[number / 2]));
    let (cluster, client) = cluster(maps.collect()).await;
    let graph = OwnerGraph::builder(client).page_size(10).load().await.unwrap();
    assert!(graph.gaps().is_empty(), "{:?}", graph.gaps());
    let found = graph.nodes().into_iter().filter(|index| graph[*index].kind().is_called("configmaps"));
    assert_eq!(found.count(), 25);

    let lists = lists(&cluster);
    assert_eq!(lists["configmaps"], 3);
    let others: Vec<_> = lists.iter().filter(|(resource, _)| *resource != "configmaps").collect();
    assert!(others.len() > 20, "{lists:?}");
    assert!(others.iter().all(|(_, count)| **count == 1), "{lists:?}");
    let discoveries =
        cluster.requests().iter().filter(|request| ["/api", "/apis"].contains(&&*request.path)).count();
    let total = discoveries + lists.values().sum::<usize>();
    assert_eq!((discoveries, cluster.requests().len()), (2, total));
    // Events once, by their first name.
    let events = cluster.requests().into_iter().filter(|request| request.path.ends_with("/events"));
    assert_eq!(events.map(|request| request.path).collect::<Vec<_>>(), ["/api/v1/events"]);
    // And in parts, each of what it wants.
    assert!(
        cluster
            .requests()
            .iter()
            .filter(|it| it.verb == "list")
            .all(|it| it.param("limit").as_deref() == Some("10"))
    );
}

#[tokio::test]
async fn a_list_that_fails_is_a_gap_and_the_rest_is_there() {
    for (fault, words) in [
        (Fault::forbidden(), "forbidden"),
        (
            Fault::status(404, "NotFound", "the server could not find the requested resource"),
            "could not find",
        ),
        (Fault::status(405, "MethodNotAllowed", "the server does not allow this method"), "does not allow"),
        (Fault::too_many_requests(Duration::ZERO), "too many"),
        (Fault::internal_error("it broke"), "it broke"),
        (Fault::text(502, "<html>bad gateway</html>"), "bad gateway"),
        (Fault::cut_after_bytes(100).cleanly(), "the answer is no list"),
        (Fault::drop_connection(), ""),
        (Fault::cut_after_bytes(100), ""),
    ] {
        let secret = object(
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "default"}}),
        );
        let (cluster, _) = cluster(vec![map(0, &[]), map(1, &[0]), secret]).await;
        let client = hasty(&cluster).await;
        cluster.faults().add(Calls::verb("list").resource("secrets"), fault);
        let graph =
            timeout(Duration::from_secs(60), OwnerGraph::builder(client).load()).await.unwrap().unwrap();
        let [gap] = graph.gaps() else { panic!("{words}: {:?}", graph.gaps()) };
        assert_eq!((&*gap.what, &gap.namespace, &gap.only), ("secrets", &None, &None), "{gap}");
        assert!(gap.to_string().starts_with("secrets: not listed: "), "{gap}");
        assert!(gap.to_string().to_lowercase().contains(words), "{words}: {gap}");
        let owner = graph.find("configmap", Some("default"), "map-0").unwrap();
        assert_eq!(graph.descendants(owner).len(), 1);
        assert_eq!(graph.find("secret", Some("default"), "s"), None);
    }
}

/// A client that takes the first answer.
async fn hasty(cluster: &FakeCluster) -> Client {
    let kubeconfig = Kubeconfig::from_yaml(&cluster.kubeconfig("default")).unwrap();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    config.default_retry = false;
    Client::try_from(config).unwrap()
}

#[tokio::test]
async fn a_server_that_is_busy_for_a_moment() {
    let (cluster, client) = cluster(vec![map(0, &[])]).await;
    let busy = Calls::verb("list").resource("configmaps").first(3);
    cluster.faults().add(busy, Fault::too_many_requests(Duration::ZERO));
    let graph = OwnerGraph::builder(client).kinds(["cm"]).load().await.unwrap();
    assert!(graph.gaps().is_empty() && graph.nodes().len() == 1, "{:?}", graph.gaps());
}

#[tokio::test]
async fn a_page_that_expires_is_followed_by_the_whole_list() {
    let (cluster, client) = cluster((0..25).map(|number| map(number, &[])).collect()).await;
    let expired = Calls::verb("list").resource("configmaps").nth(2);
    cluster.faults().add(expired, Fault::expired());
    let graph = OwnerGraph::builder(client).kinds(["cm"]).page_size(10).load().await.unwrap();
    assert!(graph.gaps().is_empty(), "{:?}", graph.gaps());
    assert_eq!(graph.nodes().len(), 25);
    assert_eq!(lists(&cluster)["configmaps"], 3);
}

#[tokio::test]
async fn a_user_who_may_list_three_kinds() {
    let rules = ["configmaps", "secrets", "pods"].map(|resource| Rule::verbs(["list"]).resources([resource]));
    let discovery = Rule::verbs(["get"]).paths(["/api", "/apis", "/api/*", "/apis/*"]);
    let secret = object(
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "default"}}),
    );
    let role =
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "name": "r", "uid": uid(7)});
    let mut owned = map(2, &[1]);
    owned.metadata.owner_references.as_mut().unwrap().push(serde_json::from_value(role).unwrap());
    let cluster = FakeCluster::builder()
        .objects(vec![map(1, &[]), owned, secret])
        .user("three", rules.into_iter().chain([discovery]))
        .start()
        .await
        .unwrap();
    let all = OwnerGraph::builder(cluster.client().unwrap()).load().await.unwrap();
    assert!(all.gaps().is_empty());
    let kinds = lists(&cluster).len();

    let graph = OwnerGraph::builder(cluster.client_as("three").unwrap()).load().await.unwrap();
    assert_eq!(graph.gaps().len(), kinds - 3, "{:?}", graph.gaps());
    assert!(graph.gaps().iter().all(|gap| matches!(gap.cause, Cause::Forbidden { .. })));
    let listed: Vec<_> =
        graph.nodes().into_iter().filter(|index| graph[*index].presence() == Presence::Listed).collect();
    let listed: Vec<_> = listed.into_iter().map(|index| graph[index].to_string()).collect();
    assert_eq!(listed, ["ConfigMap/map-1", "ConfigMap/map-2", "Secret/s"]);
    // An owner of a kind that was not listed may be there or not.
    let owners = graph.owners(graph.find("cm", Some("default"), "map-2").unwrap());
    let flaws: Vec<_> = owners.iter().map(|(owner, edge)| (graph[*owner].to_string(), edge.flaw())).collect();
    assert_eq!(flaws, [("ConfigMap/map-1".to_owned(), None), ("Role/r".to_owned(), Some(Flaw::Unlisted))]);
    assert!(graph.orphans().is_empty());
}

#[tokio::test]
async fn a_user_of_one_namespace() {
    let rule = Rule::verbs(["list"]).resources(["configmaps"]).namespace("default");
    let discovery = Rule::verbs(["get"]).paths(["/api", "/apis", "/api/*", "/apis/*"]);
    let away = object(
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "away", "namespace": "kube-system"}}),
    );
    let cluster = FakeCluster::builder()
        .objects(vec![map(1, &[]), map(2, &[1]), away])
        .user("one", [rule, discovery])
        .start()
        .await
        .unwrap();
    let client = cluster.client_as("one").unwrap();
    let graph = OwnerGraph::builder(client.clone()).kinds(["configmaps"]).load().await.unwrap();
    assert_eq!(graph.nodes().len(), 2);
    let [gap] = graph.gaps() else { panic!("{:?}", graph.gaps()) };
    assert_eq!(gap.only.as_deref(), Some("default"));
    assert!(
        gap.to_string()
            .starts_with("configmaps: not listed but for namespace default: configmaps is forbidden"),
        "{gap}"
    );

    // Who asks for one gets it without a gap, or none of it.
    let builder = OwnerGraph::builder(client).kinds(["configmaps"]);
    assert!(builder.clone().namespace("default").load().await.unwrap().gaps().is_empty());
    let graph = builder.namespace("kube-system").load().await.unwrap();
    let [gap] = graph.gaps() else { panic!("{:?}", graph.gaps()) };
    assert_eq!((gap.namespace.as_deref(), gap.only.as_deref()), (Some("kube-system"), None));
}

#[tokio::test]
async fn kinds_that_are_named() {
    let (cluster, client) = cluster(vec![map(1, &[])]).await;
    let builder = OwnerGraph::builder(client.clone());
    builder
        .clone()
        .kinds(["deploy", "ReplicaSet", "jobs.batch", "pods"])
        .exclude(["po"])
        .load()
        .await
        .unwrap();
    assert_eq!(
        lists(&cluster).into_keys().collect::<Vec<_>>(),
        ["deployments.apps", "jobs.batch", "replicasets.apps"]
    );
    for names in [["none"], ["pods.apps"]] {
        let error = builder.clone().kinds(names).load().await.unwrap_err();
        assert!(matches!(error.cause(), Cause::UnknownKind), "{error}");
        assert_eq!(error.to_string(), format!("kind {}: the server serves no such kind", names[0]));
    }
    let kinds = Kinds::new(client);
    for (name, expected) in
        [("deployments.v1.apps", "deployments.apps"), ("PVC", "persistentvolumeclaims"), ("no", "nodes")]
    {
        assert_eq!(kinds.find(name).await.unwrap().to_string(), expected);
    }
}

#[tokio::test]
async fn a_server_that_cannot_be_asked_for_its_kinds() {
    let (cluster, client) = cluster(Vec::new()).await;
    cluster.faults().add(Calls::any().path("/apis"), Fault::internal_error("it broke"));
    let error = OwnerGraph::builder(client).load().await.unwrap_err();
    assert!(error.to_string().starts_with("discovery: "), "{error}");
    assert!(error.to_string().contains("it broke"), "{error}");
}

#[tokio::test]
async fn a_deep_chain_is_no_deep_stack() {
    let chain: Vec<_> = (0..20_000_usize)
        .map(|number| map(number, &[number.saturating_sub(1)][..usize::from(number > 0)]))
        .collect();
    let (_cluster, client) = cluster(chain).await;
    let graph = OwnerGraph::builder(client).kinds(["configmaps"]).load().await.unwrap();
    let [first, last] = ["map-0", "map-19999"].map(|name| graph.find("cm", Some("default"), name).unwrap());
    assert_eq!(graph.descendants(first).len(), 19_999);
    assert_eq!(graph.depth(last), Some(19_999));
    assert_eq!(graph.path(first, last).unwrap().len(), 20_000);
}

/// As a server before 1.27, which knows nothing of aggregated discovery.
fn old(client: Client) -> Client {
    let service = tower::service_fn(move |mut request: http::Request<Body>| {
        let accept = request.headers().get(http::header::ACCEPT).and_then(|accept| accept.to_str().ok());
        if accept.is_some_and(|accept| accept.contains("APIGroupDiscoveryList")) {
            request.headers_mut().insert(http::header::ACCEPT, "application/json".parse().unwrap());
        }
        let client = client.clone();
        async move { client.send(request).await }
    });
    Client::new(service, "default")
}

#[tokio::test]
async fn a_server_that_says_of_each_group_what_it_has() {
    let web = object(json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "default", "uid": uid(7)},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}}},
    }));
    let (cluster, client) = cluster(vec![map(0, &[]), map(1, &[0]), web]).await;
    let client = old(client);
    let kinds = Kinds::new(client.clone());
    for (name, expected) in [
        ("deploy", "deployments.apps"),
        ("cm", "configmaps"),
        ("hpa.v1.autoscaling", "horizontalpodautoscalers.autoscaling"),
    ] {
        assert_eq!(kinds.find(name).await.unwrap().to_string(), expected);
    }
    // As it is with aggregated discovery.
    let whole = OwnerGraph::builder(cluster.client().unwrap()).load().await.unwrap();
    let graph = Builder::new(kinds).load().await.unwrap();
    assert!(graph.gaps().is_empty(), "{:?}", graph.gaps());
    let names = |graph: &OwnerGraph| -> Vec<_> {
        graph.nodes().into_iter().map(|it| graph[it].to_string()).collect()
    };
    assert_eq!(names(&graph), names(&whole));

    // One group of them does not answer, and is a gap.
    let of_apps = Calls::any().path("/apis/apps/v1");
    let gone = Fault::status(404, "NotFound", "the server could not find the requested resource");
    let away = cluster.faults().add(of_apps.clone(), gone);
    let graph = OwnerGraph::builder(client.clone()).load().await.unwrap();
    let gaps: Vec<_> = graph.gaps().iter().map(ToString::to_string).collect();
    assert!(gaps.len() == 1 && gaps[0].starts_with("apps/v1: not listed: "), "{gaps:?}");
    assert_eq!(graph.descendants(graph.find("cm", Some("default"), "map-0").unwrap()).len(), 1);
    assert!(graph.find("deploy", Some("default"), "web").is_none());

    // What else goes wrong says nothing of what there is.
    away.remove();
    cluster.faults().add(of_apps, Fault::internal_error("it broke"));
    let error = OwnerGraph::builder(client).load().await.unwrap_err();
    assert!(
        error.to_string().starts_with("discovery: ") && error.to_string().contains("it broke"),
        "{error}"
    );
}

/// One that does not give metadata alone gives whole objects.
#[tokio::test]
async fn a_server_without_lists_of_metadata() {
    let (cluster, client) = cluster(vec![map(0, &[]), map(1, &[0])]).await;
    let service = tower::service_fn(move |mut request: http::Request<Body>| {
        let accept = request.headers().get(http::header::ACCEPT).and_then(|accept| accept.to_str().ok());
        let can_do = |accept: &str| {
            accept.split(',').any(|it| it.trim() == "application/json" || it.contains("apidiscovery"))
        };
        assert!(accept.is_some_and(can_do), "{accept:?} is not acceptable");
        if accept.is_some_and(|accept| accept.contains("PartialObjectMetadata")) {
            request.headers_mut().insert(http::header::ACCEPT, "application/json".parse().unwrap());
        }
        let client = client.clone();
        async move { client.send(request).await }
    });
    let client = Client::new(service, "default");
    let graph = OwnerGraph::builder(client.clone()).kinds(["configmaps"]).load().await.unwrap();
    assert_eq!(graph.descendants(graph.find("cm", Some("default"), "map-0").unwrap()).len(), 1);
    let owner = map(1, &[0]).controller_of(&Kinds::new(client)).await.unwrap().unwrap();
    assert_eq!(owner.to_string(), "ConfigMap/map-0");
    let mut follow = graph.follow();
    cluster.apply(&map(2, &[1])).unwrap();
    assert!(matches!(follow.next().await, Some(Change::Added(_))));
}
