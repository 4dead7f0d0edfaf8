//! Relations beside owner references: what is asked of the server for them, and lists that fail.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use http::{Request, Response, header};
use kube::{Client, client::Body, core::DynamicObject};
use kube_ext::{
    fake::{Calls, FakeCluster, Fault, Rule},
    owners::{Cause, Edge, Flaw, NodeIndex, OwnerGraph, Presence, Relation},
};
use serde_json::{Value, json};
use tower::service_fn;

use super::{cluster, object};

/// Whose metadata does not say all that they say.
const WHOLE: [&str; 10] = [
    "/api/v1/persistentvolumeclaims",
    "/api/v1/persistentvolumes",
    "/api/v1/pods",
    "/apis/autoscaling/v2/horizontalpodautoscalers",
    "/apis/discovery.k8s.io/v1/endpointslices",
    "/apis/networking.k8s.io/v1/ingresses",
    "/apis/networking.k8s.io/v1/networkpolicies",
    "/apis/policy/v1/poddisruptionbudgets",
    "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "/apis/rbac.authorization.k8s.io/v1/rolebindings",
];

/// What was asked for: paths, and what was to come.
type Asked = Arc<Mutex<Vec<(String, String)>>>;

/// A client that writes down what it asks for, and has other answers to some paths.
fn spied(client: Client, answers: &[(&str, Value)]) -> (Client, Asked) {
    let (asked, answers) =
        (Asked::default(), answers.iter().map(|(path, it)| ((*path).to_owned(), it.clone())));
    let (seen, answers) = (asked.clone(), answers.collect::<BTreeMap<_, _>>());
    let service = service_fn(move |request: Request<Body>| {
        let accept = request.headers().get(header::ACCEPT).map(|accept| accept.to_str().unwrap().to_owned());
        let path = request.uri().path().to_owned();
        let answer = answers.get(&path).map(Value::to_string);
        seen.lock().unwrap().push((path, accept.unwrap_or_default()));
        let client = client.clone();
        async move {
            match answer {
                Some(answer) => Ok(Response::new(Body::from(answer.into_bytes()))),
                None => client.send(request).await,
            }
        }
    });
    (Client::new(service, "default"), asked)
}

fn pod(number: usize) -> DynamicObject {
    object(json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": format!("pod-{number:04}"), "namespace": "default", "labels": {"app": "web"}},
        "spec": {
            "nodeName": "worker", "serviceAccountName": "builder",
            "containers": [{"name": "app", "image": "example.com/app:1"}],
        },
    }))
}

/// A service account, a service with its slice, which leads to pods by name, a disruption budget for them, and a binding.
fn around(endpoints: &[usize]) -> Vec<DynamicObject> {
    let endpoint = |number: &usize| json!({"addresses": ["10.0.0.1"], "targetRef": {"kind": "Pod", "name": format!("pod-{number:04}")}});
    let endpoints: Value = endpoints.iter().map(endpoint).collect();
    let objects = [
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "builder", "namespace": "default"}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "default"}, "spec": {"ports": [{"port": 80}]}}),
        json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4", "endpoints": endpoints, "ports": [],
            "metadata": {"name": "web-a", "namespace": "default", "labels": {"kubernetes.io/service-name": "web"}},
        }),
        json!({
            "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web", "namespace": "default"},
            "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "web", "namespace": "default"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:serviceaccounts:default"}],
        }),
    ];
    objects.into_iter().map(object).collect()
}

/// A cluster of that many pods and what is around them.
async fn with_pods(pods: usize, endpoints: &[usize]) -> (FakeCluster, Client) {
    cluster(around(endpoints).into_iter().chain((0..pods).map(pod)).collect()).await
}

fn found(graph: &OwnerGraph, kind: &str, name: &str) -> NodeIndex {
    graph.find(kind, Some("default"), name).unwrap_or_else(|| panic!("{kind} {name} is not there"))
}

/// How many edges there are of each relation.
fn counts(graph: &OwnerGraph) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for relation in graph.as_petgraph().edge_weights().filter_map(Edge::relation) {
        *counts.entry(relation.to_string()).or_default() += 1;
    }
    counts
}

fn expected(counts: &[(Relation, usize)]) -> BTreeMap<String, usize> {
    counts.iter().map(|(relation, count)| (relation.to_string(), *count)).collect()
}

/// Where an object's relations lead, with what is wrong.
fn leads_to(graph: &OwnerGraph, index: NodeIndex) -> Vec<(String, Presence, Option<Flaw>)> {
    let relations = graph.relations(index).into_iter();
    relations.map(|(to, edge)| (graph[to].to_string(), graph[to].presence(), edge.flaw())).collect()
}

#[tokio::test]
async fn each_page_once_and_whole_objects_only_where_they_are_needed() {
    let (_cluster, client) = with_pods(25, &[0]).await;
    let table: [(&[Relation], &[usize]); 12] = [
        (&[], &[]),
        (&[Relation::Slice], &[]),
        (&[Relation::Slice, Relation::Member], &[]),
        (&[Relation::Node], &[2]),
        (&[Relation::Secret, Relation::Claim], &[2]),
        (&[Relation::Volume], &[0]),
        (&[Relation::StorageClass], &[0, 1]),
        (&[Relation::Endpoint, Relation::Slice], &[4]),
        (&[Relation::Budget], &[7]),
        (&[Relation::Policy, Relation::Backend], &[5, 6]),
        (&[Relation::ScaleTarget], &[3]),
        (&[Relation::Subject], &[8, 9]),
    ];
    let all: Vec<_> = Relation::all().collect();
    let everything: Vec<_> = (0..WHOLE.len()).collect();
    for (relations, whole) in table.into_iter().chain([(&all[..], &everything[..])]) {
        let (client, asked) = spied(client.clone(), &[]);
        let builder = OwnerGraph::builder(client).page_size(10).relations(relations.iter().copied());
        let graph = builder.load().await.unwrap();
        assert!(graph.gaps().is_empty(), "{:?}", graph.gaps());
        let mut asked = asked.lock().unwrap().clone();
        let discoveries = asked.extract_if(.., |(path, _)| ["/api", "/apis"].contains(&&**path)).count();
        assert_eq!(discoveries, 2);

        let mut pages: BTreeMap<_, usize> = BTreeMap::new();
        for (path, _) in &asked {
            *pages.entry(&**path).or_default() += 1;
        }
        assert!(pages.len() > 40, "{pages:?}");
        assert_eq!(pages.remove("/api/v1/pods"), Some(3), "{relations:?}");
        assert!(pages.values().all(|count| *count == 1), "{relations:?}: {pages:?}");

        let is_whole = |accept: &str| !accept.contains("as=PartialObjectMetadataList");
        let found: BTreeSet<_> =
            asked.iter().filter(|(_, accept)| is_whole(accept)).map(|(path, _)| &**path).collect();
        assert_eq!(found, whole.iter().map(|place| WHOLE[*place]).collect(), "{relations:?}");
        let metadata: BTreeSet<_> =
            asked.iter().filter(|(_, accept)| !is_whole(accept)).map(|(path, _)| &**path).collect();
        assert!(found.is_disjoint(&metadata), "{relations:?}");
    }
}

#[tokio::test]
async fn metadata_is_enough_for_labels() {
    let (_cluster, client) = with_pods(3, &[0]).await;
    for (relations, edges) in [
        (&[Relation::Slice][..], expected(&[(Relation::Slice, 1)])),
        (&[Relation::Budget], expected(&[(Relation::Budget, 3)])),
        (&[Relation::Member], expected(&[])),
        (&[Relation::Subject], expected(&[(Relation::Subject, 1)])),
        (&[Relation::Subject, Relation::Member], expected(&[(Relation::Subject, 1), (Relation::Member, 1)])),
    ] {
        let builder = OwnerGraph::builder(client.clone()).relations(relations.iter().copied());
        assert_eq!(counts(&builder.load().await.unwrap()), edges, "{relations:?}");
    }
}

/// What is said of objects of kinds that are left out is there; what they say is not.
#[tokio::test]
async fn kinds_that_are_left_out() {
    let (_cluster, client) = with_pods(2, &[1]).await;
    let builder = OwnerGraph::builder(client).relations(Relation::all());
    let graph = builder.clone().kinds(["pods"]).load().await.unwrap();
    assert_eq!(counts(&graph), expected(&[(Relation::Node, 2), (Relation::ServiceAccount, 2)]));
    let to = leads_to(&graph, found(&graph, "pod", "pod-0000"));
    let unknown = |name: &str| (name.to_owned(), Presence::Unknown, Some(Flaw::Unlisted));
    assert_eq!(to, [unknown("Node/worker"), unknown("ServiceAccount/builder")]);
    // One node for both.
    assert_eq!(graph.nodes().len(), 4);

    let graph = builder.exclude(["pods", "services"]).load().await.unwrap();
    let slice = found(&graph, "endpointslice", "web-a");
    assert_eq!(leads_to(&graph, slice), [unknown("Pod/pod-0001")]);
    let to_slice = graph.relations_to(slice);
    let [(service, edge)] = to_slice[..] else { panic!("{to_slice:?}") };
    assert_eq!((graph[service].presence(), edge.flaw()), (Presence::Unknown, Some(Flaw::Unlisted)));
    assert!(graph.relations(found(&graph, "pdb", "web")).is_empty());
}

#[tokio::test]
async fn a_user_who_may_not_list_pods() {
    let rules =
        ["services", "serviceaccounts", "endpointslices.discovery.k8s.io", "poddisruptionbudgets.policy"];
    let rules = Rule::verbs(["list"]).resources(rules);
    let discovery = Rule::verbs(["get"]).paths(["/api", "/apis", "/api/*", "/apis/*"]);
    let cluster = FakeCluster::builder()
        .objects(around(&[0]).into_iter().chain([pod(0)]))
        .user("limited", [rules, discovery])
        .start()
        .await
        .unwrap();
    let builder = OwnerGraph::builder(cluster.client_as("limited").unwrap()).relations(Relation::all());
    let kinds = ["pods", "services", "serviceaccounts", "endpointslices", "poddisruptionbudgets"];
    let graph = builder.kinds(kinds).load().await.unwrap();
    let [gap] = graph.gaps() else { panic!("{:?}", graph.gaps()) };
    assert_eq!((&*gap.what, matches!(gap.cause, Cause::Forbidden { .. })), ("pods", true), "{gap}");
    assert_eq!(counts(&graph), expected(&[(Relation::Slice, 1), (Relation::Endpoint, 1)]));
    let to = leads_to(&graph, found(&graph, "endpointslice", "web-a"));
    assert_eq!(to, [("Pod/pod-0000".to_owned(), Presence::Unknown, Some(Flaw::Unlisted))]);
    assert_eq!(graph.find("pod", Some("default"), "pod-0000"), None);
    assert!(graph.relations_to(found(&graph, "sa", "builder")).is_empty());
}

/// Who may list in a namespace alone: what is not there is missing, elsewhere it has not been looked for.
#[tokio::test]
async fn a_user_of_one_namespace() {
    let rule = Rule::verbs(["list"]).resources(["*"]).namespace("default");
    let discovery = Rule::verbs(["get"]).paths(["/api", "/apis", "/api/*", "/apis/*"]);
    let mut objects = around(&[0, 7]);
    let slice = objects.iter_mut().find(|it| it.types.as_ref().unwrap().kind == "EndpointSlice").unwrap();
    let away = json!({"addresses": ["10.0.0.1"], "targetRef": {"kind": "Pod", "name": "away", "namespace": "kube-system"}});
    slice.data["endpoints"].as_array_mut().unwrap().push(away);
    let node = object(json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "worker"}}));
    let objects = objects.into_iter().chain([pod(0), node]);
    let cluster =
        FakeCluster::builder().objects(objects).user("one", [rule, discovery]).start().await.unwrap();
    for (user, presence, flaw, gaps) in
        [("one", Presence::Unknown, Some(Flaw::Unlisted), true), ("admin", Presence::Listed, None, false)]
    {
        let client = if user == "one" { cluster.client_as(user).unwrap() } else { cluster.client().unwrap() };
        let graph = OwnerGraph::builder(client).relations(Relation::all()).load().await.unwrap();
        let of_pods: Vec<_> = graph.gaps().iter().filter(|gap| gap.what == "pods").collect();
        assert_eq!(of_pods.first().map(|gap| gap.only.as_deref()), gaps.then_some(Some("default")));
        let to = leads_to(&graph, found(&graph, "endpointslice", "web-a"));
        let elsewhere = if gaps { (presence, flaw) } else { (Presence::Gone, Some(Flaw::Missing)) };
        let expected_ends = [
            ("Pod/away".to_owned(), elsewhere.0, elsewhere.1),
            ("Pod/pod-0000".to_owned(), Presence::Listed, None),
            ("Pod/pod-0007".to_owned(), Presence::Gone, Some(Flaw::Missing)),
        ];
        assert_eq!(to, expected_ends, "{user}");
        let of_pod = leads_to(&graph, found(&graph, "pod", "pod-0000"));
        assert_eq!(of_pod[0], ("Node/worker".to_owned(), presence, flaw), "{user}");
        assert_eq!(counts(&graph)["budget"], 1);
    }
}

/// Types of fields that no server should send.
#[tokio::test]
async fn odd_objects_among_others() {
    let odd = [
        json!({"spec": {"nodeName": 7, "serviceAccountName": ["builder"], "volumes": {"a": 1}, "containers": "none"}}),
        json!({"spec": []}),
        json!({"spec": null, "status": 1}),
        json!({}),
        json!({"spec": {"volumes": [null, 1, {"name": 1, "ephemeral": {}}, {"configMap": "x"}], "containers": [[], {"env": [1]}]}}),
    ];
    let mut items: Vec<_> = (0..odd.len()).map(|number| serde_json::to_value(pod(number)).unwrap()).collect();
    for (number, mut it) in odd.into_iter().enumerate() {
        it["metadata"] = json!({"name": format!("odd-{number}"), "namespace": "default", "labels": {"app": ["web"]}, "annotations": 5});
        items.insert(number * 2, it);
    }
    items[0]["metadata"]["labels"] = json!("app=web");
    let answer = |items: &[Value]| json!({"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items});
    let (_cluster, client) = with_pods(0, &[0, 1]).await;
    let (spy, _) = spied(client.clone(), &[("/api/v1/pods", answer(&items))]);
    let graph = OwnerGraph::builder(spy).relations(Relation::all()).load().await.unwrap();
    assert!(graph.gaps().is_empty(), "{:?}", graph.gaps());
    let pods = graph.nodes().into_iter().filter(|index| graph[*index].kind().is_called("pods"));
    assert_eq!(pods.count(), 10);
    let edges = [
        (Relation::Node, 5),
        (Relation::ServiceAccount, 5),
        (Relation::Budget, 5),
        (Relation::Slice, 1),
        (Relation::Endpoint, 2),
        (Relation::Subject, 1),
        (Relation::Member, 1),
        (Relation::Role, 1),
    ];
    assert_eq!(counts(&graph), expected(&edges));

    // What has no metadata that can be read is no object: that is a gap, and other kinds are there.
    items[4]["metadata"] = json!("odd-2");
    let (spy, _) = spied(client, &[("/api/v1/pods", answer(&items))]);
    let graph = OwnerGraph::builder(spy).relations(Relation::all()).load().await.unwrap();
    let [gap] = graph.gaps() else { panic!("{:?}", graph.gaps()) };
    assert_eq!((&*gap.what, matches!(gap.cause, Cause::Lost { .. })), ("pods", true), "{gap}");
    assert_eq!(counts(&graph)["slice"], 1);
}

#[tokio::test]
async fn a_service_account_of_three_thousand_pods() {
    const PODS: usize = 3_000;
    let (cluster, client) = with_pods(PODS, &[0, 2_999]).await;
    let since = Instant::now();
    let graph = OwnerGraph::builder(client).relations(Relation::all()).load().await.unwrap();
    let lists = cluster.requests().into_iter().filter(|request| request.resource == "pods").count();
    assert_eq!(lists, 6);
    let account = found(&graph, "sa", "builder");
    let pods: BTreeSet<_> = graph.relations_to(account).into_iter().map(|(pod, _)| pod).collect();
    // And the group that it is in.
    assert_eq!(pods.len(), PODS + 1);
    let edges = [
        (Relation::Node, PODS),
        (Relation::ServiceAccount, PODS),
        (Relation::Budget, PODS),
        (Relation::Endpoint, 2),
    ];
    let counts = counts(&graph);
    assert!(expected(&edges).iter().all(|(relation, count)| counts[relation] == *count), "{counts:?}");
    let node = graph.nodes().into_iter().find(|index| graph[*index].name() == "worker").unwrap();
    assert_eq!((graph.relations_to(node).len(), graph[node].presence()), (PODS, Presence::Gone));

    let tree = graph.tree(account).up().relations().to_string();
    // Each pod below the account, with the budget below it the first time; the group with its binding; the slice below two pods.
    let below =
        tree.lines().filter(|line| line.contains("├─Pod/pod-") || line.contains("└─Pod/pod-")).count();
    assert_eq!(below, PODS, "{}", tree.lines().take(10).collect::<Vec<_>>().join("\n"));
    // A tenth of this on a busy machine, unless each pod is looked up among all.
    assert!(since.elapsed() < Duration::from_secs(300), "{:?}", since.elapsed());
}

#[tokio::test]
async fn a_list_of_pods_that_is_cut() {
    let (cluster, client) = with_pods(25, &[0, 12]).await;
    let cut = Calls::verb("list").resource("pods").range(2..);
    let fault = cluster.faults().add(cut, Fault::cut_after_bytes(100));
    let builder = OwnerGraph::builder(client).page_size(10).relations(Relation::all());
    let graph = builder.clone().load().await.unwrap();
    let [gap] = graph.gaps() else { panic!("{:?}", graph.gaps()) };
    assert_eq!(&*gap.what, "pods");
    let edges = [
        (Relation::Node, 10),
        (Relation::ServiceAccount, 10),
        (Relation::Budget, 10),
        (Relation::Slice, 1),
        (Relation::Endpoint, 2),
        (Relation::Subject, 1),
        (Relation::Member, 1),
        (Relation::Role, 1),
    ];
    assert_eq!(counts(&graph), expected(&edges));
    let to = leads_to(&graph, found(&graph, "endpointslice", "web-a"));
    let expected_ends = [
        ("Pod/pod-0000".to_owned(), Presence::Listed, None),
        ("Pod/pod-0012".to_owned(), Presence::Unknown, Some(Flaw::Unlisted)),
    ];
    assert_eq!(to, expected_ends);

    // A page that is too late is followed by all of them at once: nothing is there twice.
    fault.remove();
    let first: BTreeMap<_, _> = counts(&builder.clone().load().await.unwrap());
    cluster.faults().add(Calls::verb("list").resource("pods").nth(2), Fault::expired());
    cluster.forget_requests();
    let graph = builder.load().await.unwrap();
    let lists = cluster.requests().into_iter().filter(|request| request.resource == "pods").count();
    assert_eq!((graph.gaps().len(), lists), (0, 3));
    assert_eq!(counts(&graph), first);
    assert_eq!(first["budget"], 25);
}

/// Whichever list comes first.
#[tokio::test]
async fn the_same_in_any_order() {
    let mut objects = around(&[0, 1, 7]);
    let slice = objects.iter_mut().find(|it| it.types.as_ref().unwrap().kind == "EndpointSlice").unwrap();
    let endpoints = slice.data["endpoints"].as_array_mut().unwrap();
    for uid in [super::uid(2), super::uid(1)] {
        endpoints.push(
            json!({"addresses": ["10.0.0.9"], "targetRef": {"kind": "Pod", "name": "pod-0000", "uid": uid}}),
        );
    }
    endpoints.push(json!({"addresses": ["10.0.0.9"], "targetRef": {"kind": "Pod", "name": "other", "uid": super::uid(9)}}));
    let pods = (0..3).map(|number| {
        let mut pod = pod(number);
        pod.metadata.uid = Some(super::uid(number + 8));
        pod
    });
    let (cluster, client) = cluster(objects.into_iter().chain(pods).collect()).await;
    let kinds = ["pods", "endpointslices", "pdb", "rolebindings", "serviceaccounts", "services"];
    let builder = OwnerGraph::builder(client).kinds(kinds).relations(Relation::all());
    let mut texts = BTreeSet::new();
    for last in kinds {
        let last = if last == "pdb" { "poddisruptionbudgets.policy" } else { last };
        let last = match last {
            "endpointslices" => "endpointslices.discovery.k8s.io",
            "rolebindings" => "rolebindings.rbac.authorization.k8s.io",
            it => it,
        };
        let late = Calls::verb("list").resource(last);
        let fault = cluster.faults().add(late, Fault::delay(Duration::from_millis(150)));
        let graph = builder.clone().load().await.unwrap();
        assert_eq!(fault.hits(), 1, "{last}");
        fault.remove();
        let slice = found(&graph, "endpointslice", "web-a");
        assert_eq!(graph.relations(slice).len(), 6);
        let picture = graph.picture(graph.nodes());
        texts.insert(format!("{}\n{}", picture.mermaid(), picture.json()));
    }
    assert_eq!(texts.len(), 1, "{}", texts.into_iter().collect::<Vec<_>>().join("\n\n"));
}
