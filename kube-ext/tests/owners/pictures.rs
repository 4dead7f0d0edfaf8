//! Graphs as text.

use chrono::TimeDelta;
use kube_ext::owners::{OwnerGraph, Relation, Tree};
use serde_json::json;

use super::{cluster, map, object, uid};

async fn graph() -> OwnerGraph {
    let role = object(json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
        "metadata": {
            "name": "a \"b\" <c> #d", "namespace": "default", "uid": uid(9),
            "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "map-1", "uid": uid(1), "blockOwnerDeletion": true}],
        },
    }));
    let (_cluster, client) = cluster(vec![map(2, &[1, 3]), map(1, &[]), role]).await;
    OwnerGraph::builder(client).kinds(["configmaps", "roles"]).load().await.unwrap()
}

#[tokio::test]
async fn the_same_at_any_time() {
    let (one, other) = (graph().await, graph().await);
    for picture in [
        |graph: &OwnerGraph| graph.picture(graph.nodes()).dot(),
        |graph: &OwnerGraph| graph.picture(graph.nodes()).mermaid(),
    ] {
        assert_eq!(picture(&one), picture(&other));
    }
}

#[tokio::test]
async fn as_mermaid() {
    let graph = graph().await;
    let expected = "\
flowchart TD
  n0[\"ConfigMap<br>map-1<br>default\"]
  n1[\"ConfigMap<br>map-2<br>default\"]
  n2[\"ConfigMap<br>map-3<br>default\"]
  style n2 stroke-dasharray: 5 5
  n3[\"Role<br>a #quot;b#quot; #lt;c#gt; #35;d<br>default\"]
  n0 --> n1
  n0 --> n3
  n2 -. \"the owner is gone\" .-> n1
";
    assert_eq!(graph.picture(graph.nodes()).mermaid(), expected);
}

#[tokio::test]
async fn as_dot() {
    let graph = graph().await;
    let dot = graph.picture(graph.nodes()).dot();
    for line in [
        "digraph {",
        r#"    0 [ label = "ConfigMap\nmap-1\ndefault" shape = box]"#,
        r#"    2 [ label = "ConfigMap\nmap-3\ndefault" shape = box style = dashed]"#,
        r#"    3 [ label = "Role\na \"b\" <c> #d\ndefault" shape = box]"#,
        "    0 -> 1 [ ]",
        r#"    2 -> 1 [ label = "the owner is gone" style = dashed]"#,
    ] {
        assert!(dot.lines().any(|it| it.trim_end() == line), "{line}\n{dot}");
    }
}

#[tokio::test]
async fn as_json() {
    let graph = graph().await;
    let role = graph.find("role", Some("default"), "a \"b\" <c> #d").unwrap();
    let owner = graph.owners(role)[0].0;
    let json = graph.picture([role, owner, role]).json();
    assert_eq!(json["nodes"].as_array().unwrap().len(), 2);
    let node = &json["nodes"][1];
    for (field, expected) in [
        ("apiVersion", json!("rbac.authorization.k8s.io/v1")),
        ("kind", json!("Role")),
        ("namespace", json!("default")),
        ("uid", json!(uid(9))),
        ("deleting", json!(false)),
        ("presence", json!("listed")),
    ] {
        assert_eq!(node[field], expected, "{field}");
    }
    let expected = json!({
        "from": 0, "to": 1, "relation": null, "optional": false, "controller": false, "blockOwnerDeletion": true, "flaw": null,
    });
    assert_eq!(json["edges"], json!([expected]));
}

#[tokio::test]
async fn a_tree_says_what_is_not_there() {
    let graph = graph().await;
    let gone = graph.nodes().into_iter().find(|index| graph[*index].name() == "map-3").unwrap();
    let tree = graph.tree(gone).to_string();
    let lines: Vec<_> = tree.lines().collect();
    assert!(lines[1].starts_with("default    ConfigMap/map-3 (gone)"), "{tree}");
    assert!(lines[1].trim_end().ends_with("<unknown>"), "{tree}");
    assert!(lines[2].starts_with("default    └─ConfigMap/map-2 (the owner is gone)"), "{tree}");
}

/// A pod with its owners and with what it uses, and what leads to it.
async fn shop() -> OwnerGraph {
    let metadata = |name: &str| json!({"name": name, "namespace": "shop"});
    let owned = |name: &str, number: usize, (version, kind, owner, of): (&str, &str, &str, usize)| {
        let reference = json!({"apiVersion": version, "kind": kind, "name": owner, "uid": uid(of), "controller": true, "blockOwnerDeletion": true});
        json!({"name": name, "namespace": "shop", "uid": uid(number), "labels": {"app": "web"}, "ownerReferences": [reference]})
    };
    let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "app", "image": "web:1"}]}});
    let selector = json!({"matchLabels": {"app": "web"}});
    let size = json!({"requests": {"storage": "1Gi"}});
    let rbac = "rbac.authorization.k8s.io";
    let objects = [
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}),
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "worker"}}),
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata("web")}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata("settings")}),
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop", "uid": uid(1)},
            "spec": {"selector": selector, "template": template},
        }),
        json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": owned("web-1", 2, ("apps/v1", "Deployment", "web", 1)),
            "spec": {"selector": selector, "template": template},
        }),
        json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": owned("web-1-a", 3, ("apps/v1", "ReplicaSet", "web-1", 2)),
            "spec": {
                "nodeName": "worker", "serviceAccountName": "web", "imagePullSecrets": [{"name": "registry"}],
                "containers": [{"name": "app", "image": "web:1", "envFrom": [
                    {"configMapRef": {"name": "settings"}}, {"configMapRef": {"name": "more", "optional": true}},
                ]}],
                "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
            },
        }),
        json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": owned("data", 4, ("v1", "Pod", "web-1-a", 3)),
            "spec": {"volumeName": "disk", "storageClassName": "fast", "accessModes": ["ReadWriteOnce"], "resources": size},
        }),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata("web"), "spec": {"ports": [{"port": 80}]}}),
        json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4", "ports": [],
            "metadata": {"name": "web-x", "namespace": "shop", "labels": {"kubernetes.io/service-name": "web"}},
            "endpoints": [
                {"addresses": ["10.0.0.1"], "targetRef": {"kind": "Pod", "name": "web-1-a", "uid": uid(3)}},
                {"addresses": ["10.0.0.2"], "targetRef": {"kind": "Pod", "name": "web-1-a", "uid": uid(9)}},
            ],
        }),
        json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv6", "ports": [],
            "metadata": {"name": "web-y", "namespace": "shop", "labels": {"kubernetes.io/service-name": "web"}},
            "endpoints": [{"addresses": ["fd00::1"], "targetRef": {"kind": "Pod", "name": "web-1-a", "uid": uid(3)}}],
        }),
        json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata("web"), "spec": {"minAvailable": 1, "selector": selector}}),
        json!({
            "apiVersion": format!("{rbac}/v1"), "kind": "RoleBinding", "metadata": metadata("web"),
            "roleRef": {"apiGroup": rbac, "kind": "Role", "name": "web"},
            "subjects": [
                {"apiGroup": rbac, "kind": "User", "name": "jane"},
                {"apiGroup": rbac, "kind": "Group", "name": "system:serviceaccounts:shop"},
            ],
        }),
    ];
    let (_cluster, client) = cluster(objects.into_iter().map(object).collect()).await;
    let kinds = [
        "nodes",
        "serviceaccounts",
        "configmaps",
        "secrets",
        "deployments",
        "replicasets",
        "pods",
        "pvc",
        "services",
        "endpointslices",
        "pdb",
        "roles",
        "rolebindings",
    ];
    OwnerGraph::builder(client).kinds(kinds).relations(Relation::all()).load().await.unwrap()
}

fn trimmed(text: &str) -> String {
    text.lines().flat_map(|line| [line.trim_end(), "\n"]).collect()
}

/// The lines of a table, without blanks at their ends.
fn lines(tree: &Tree<'_>) -> String {
    trimmed(&tree.to_string())
}

const WORKLOAD: &str = "\
NAMESPACE  NAME                                                    AGE
shop       Deployment/web                                          9d
shop       └─ReplicaSet/web-1                                      9d
shop         └─Pod/web-1-a                                         9d
shop           ├─PersistentVolumeClaim/data                        9d
               │ ├─PersistentVolume/disk (volume: not listed)      <unknown>
               │ └─StorageClass/fast (storage class: not listed)   <unknown>
shop           ├─ConfigMap/more (config map, optional: not there)  <unknown>
shop           ├─ConfigMap/settings (config map)                   9d
               ├─Node/worker (runs on)                             9d
shop           ├─Secret/registry (secret: not there)               <unknown>
shop           └─ServiceAccount/web (service account)              9d
";

const OWNED: &str = "\
NAMESPACE  NAME                              AGE
shop       Deployment/web                    9d
shop       └─ReplicaSet/web-1                9d
shop         └─Pod/web-1-a                   9d
shop           └─PersistentVolumeClaim/data  9d
";

const USERS_OF_A_POD: &str = "\
NAMESPACE  NAME                                AGE
shop       Pod/web-1-a                         9d
shop       ├─ReplicaSet/web-1                  9d
shop       │ └─Deployment/web                  9d
shop       ├─EndpointSlice/web-x (endpoint)    9d
shop       │ └─Service/web (slice)             9d
shop       ├─EndpointSlice/web-y (endpoint)    9d
shop       │ └─Service/web (slice)             9d
shop       └─PodDisruptionBudget/web (budget)  9d
";

const BINDING: &str = "\
NAMESPACE  NAME                                           AGE
shop       RoleBinding/web                                9d
           ├─Group/system:serviceaccounts:shop (subject)  <unknown>
shop       │ └─ServiceAccount/web (member)                9d
shop       ├─Role/web (role: not there)                   <unknown>
           └─User/jane (subject)                          <unknown>
";

const SERVICE: &str = "\
NAMESPACE  NAME                                                                     AGE
shop       Service/web                                                              9d
shop       ├─EndpointSlice/web-x (slice)                                            9d
shop       │ ├─Pod/web-1-a (endpoint)                                               9d
shop       │ │ ├─ConfigMap/more (config map, optional: not there)                   <unknown>
shop       │ │ ├─ConfigMap/settings (config map)                                    9d
           │ │ ├─Node/worker (runs on)                                              9d
shop       │ │ ├─PersistentVolumeClaim/data (claim)                                 9d
           │ │ │ ├─PersistentVolume/disk (volume: not listed)                       <unknown>
           │ │ │ └─StorageClass/fast (storage class: not listed)                    <unknown>
shop       │ │ ├─Secret/registry (secret: not there)                                <unknown>
shop       │ │ └─ServiceAccount/web (service account)                               9d
shop       │ └─Pod/web-1-a (endpoint: it is gone, and another object has its name)  <unknown>
shop       └─EndpointSlice/web-y (slice)                                            9d
shop         └─Pod/web-1-a (endpoint) (see above)                                   9d
";

const ACCOUNT: &str = "\
NAMESPACE  NAME                                          AGE
shop       ServiceAccount/web                            9d
           ├─Group/system:serviceaccounts:shop (member)  <unknown>
shop       │ └─RoleBinding/web (subject)                 9d
shop       └─Pod/web-1-a (service account)               9d
shop         ├─EndpointSlice/web-x (endpoint)            9d
shop         │ └─Service/web (slice)                     9d
shop         ├─EndpointSlice/web-y (endpoint)            9d
shop         │ └─Service/web (slice)                     9d
shop         └─PodDisruptionBudget/web (budget)          9d
";

#[tokio::test]
async fn trees_with_relations() {
    let graph = shop().await;
    let find = |kind: &str, name: &str| graph.find(kind, Some("shop"), name).unwrap();
    let deployment = find("deploy", "web");
    let now = graph[deployment].created().unwrap() + TimeDelta::days(9) + TimeDelta::minutes(1);
    // What is owned comes first, and is not there again as a relation; what is behind a relation has its own relations.
    assert_eq!(lines(&graph.tree_at(deployment, now).relations()), WORKLOAD);
    assert_eq!(lines(&graph.tree_at(deployment, now)), OWNED);
    assert_eq!(lines(&graph.tree_at(find("pod", "web-1-a"), now).up().relations()), USERS_OF_A_POD);
    assert_eq!(lines(&graph.tree_at(find("rolebinding", "web"), now).relations()), BINDING);
    assert_eq!(lines(&graph.tree_at(find("service", "web"), now).relations()), SERVICE);
    assert_eq!(lines(&graph.tree_at(find("sa", "web"), now).up().relations()), ACCOUNT);
}

const MERMAID: &str = r#"flowchart TD
  n0["ConfigMap<br>more<br>shop"]
  style n0 stroke-dasharray: 5 5
  n1["ConfigMap<br>settings<br>shop"]
  n2["Deployment<br>web<br>shop"]
  n3["EndpointSlice<br>web-x<br>shop"]
  n4["EndpointSlice<br>web-y<br>shop"]
  n5["Group<br>system:serviceaccounts:shop"]
  n6["Node<br>worker"]
  n7["PersistentVolume<br>disk"]
  style n7 stroke-dasharray: 5 5
  n8["PersistentVolumeClaim<br>data<br>shop"]
  n9["Pod<br>web-1-a<br>shop"]
  n10["Pod<br>web-1-a<br>shop"]
  style n10 stroke-dasharray: 5 5
  n11["PodDisruptionBudget<br>web<br>shop"]
  n12["ReplicaSet<br>web-1<br>shop"]
  n13["Role<br>web<br>shop"]
  style n13 stroke-dasharray: 5 5
  n14["RoleBinding<br>web<br>shop"]
  n15["Secret<br>registry<br>shop"]
  style n15 stroke-dasharray: 5 5
  n16["Service<br>web<br>shop"]
  n17["ServiceAccount<br>web<br>shop"]
  n18["StorageClass<br>fast"]
  style n18 stroke-dasharray: 5 5
  n19["User<br>jane"]
  n2 --> n12
  n3 -- "endpoint" --> n9
  n3 -. "endpoint: it is gone, and another object has its name" .-> n10
  n4 -- "endpoint" --> n9
  n5 -- "member" --> n17
  n8 -. "volume: it has not been looked for" .-> n7
  n8 -. "storage class: it has not been looked for" .-> n18
  n9 --> n8
  n9 -. "config map, optional: it is not there" .-> n0
  n9 -- "config map" --> n1
  n9 -- "runs on" --> n6
  n9 -- "claim" --> n8
  n9 -. "secret: it is not there" .-> n15
  n9 -- "service account" --> n17
  n11 -- "budget" --> n9
  n12 --> n9
  n14 -- "subject" --> n5
  n14 -. "role: it is not there" .-> n13
  n14 -- "subject" --> n19
  n16 -- "slice" --> n3
  n16 -- "slice" --> n4
"#;

const DOT: &str = r#"digraph {
    0 [ label = "ConfigMap\nmore\nshop" shape = box style = dashed]
    1 [ label = "ConfigMap\nsettings\nshop" shape = box]
    2 [ label = "Deployment\nweb\nshop" shape = box]
    3 [ label = "EndpointSlice\nweb-x\nshop" shape = box]
    4 [ label = "EndpointSlice\nweb-y\nshop" shape = box]
    5 [ label = "Group\nsystem:serviceaccounts:shop" shape = box]
    6 [ label = "Node\nworker" shape = box]
    7 [ label = "PersistentVolume\ndisk" shape = box style = dashed]
    8 [ label = "PersistentVolumeClaim\ndata\nshop" shape = box]
    9 [ label = "Pod\nweb-1-a\nshop" shape = box]
    10 [ label = "Pod\nweb-1-a\nshop" shape = box style = dashed]
    11 [ label = "PodDisruptionBudget\nweb\nshop" shape = box]
    12 [ label = "ReplicaSet\nweb-1\nshop" shape = box]
    13 [ label = "Role\nweb\nshop" shape = box style = dashed]
    14 [ label = "RoleBinding\nweb\nshop" shape = box]
    15 [ label = "Secret\nregistry\nshop" shape = box style = dashed]
    16 [ label = "Service\nweb\nshop" shape = box]
    17 [ label = "ServiceAccount\nweb\nshop" shape = box]
    18 [ label = "StorageClass\nfast" shape = box style = dashed]
    19 [ label = "User\njane" shape = box]
    2 -> 12 [ ]
    3 -> 9 [ label = "endpoint" color = gray40 fontcolor = gray40]
    3 -> 10 [ label = "endpoint: it is gone, and another object has its name" style = dashed color = gray40 fontcolor = gray40]
    4 -> 9 [ label = "endpoint" color = gray40 fontcolor = gray40]
    5 -> 17 [ label = "member" color = gray40 fontcolor = gray40]
    8 -> 7 [ label = "volume: it has not been looked for" style = dashed color = gray40 fontcolor = gray40]
    8 -> 18 [ label = "storage class: it has not been looked for" style = dashed color = gray40 fontcolor = gray40]
    9 -> 8 [ ]
    9 -> 0 [ label = "config map, optional: it is not there" style = dashed color = gray40 fontcolor = gray40]
    9 -> 1 [ label = "config map" color = gray40 fontcolor = gray40]
    9 -> 6 [ label = "runs on" color = gray40 fontcolor = gray40]
    9 -> 8 [ label = "claim" color = gray40 fontcolor = gray40]
    9 -> 15 [ label = "secret: it is not there" style = dashed color = gray40 fontcolor = gray40]
    9 -> 17 [ label = "service account" color = gray40 fontcolor = gray40]
    11 -> 9 [ label = "budget" color = gray40 fontcolor = gray40]
    12 -> 9 [ ]
    14 -> 5 [ label = "subject" color = gray40 fontcolor = gray40]
    14 -> 13 [ label = "role: it is not there" style = dashed color = gray40 fontcolor = gray40]
    14 -> 19 [ label = "subject" color = gray40 fontcolor = gray40]
    16 -> 3 [ label = "slice" color = gray40 fontcolor = gray40]
    16 -> 4 [ label = "slice" color = gray40 fontcolor = gray40]
}
"#;

#[tokio::test]
async fn pictures_of_relations() {
    let graph = shop().await;
    let picture = graph.picture(graph.nodes());
    assert_eq!(picture.mermaid(), MERMAID);
    assert_eq!(trimmed(&picture.dot()), DOT);
}

#[tokio::test]
async fn json_of_relations() {
    let graph = shop().await;
    let pod = graph.find("pod", Some("shop"), "web-1-a").unwrap();
    let binding = graph.find("rolebinding", Some("shop"), "web").unwrap();
    let around =
        [pod, binding].map(|it| graph.relations(it).into_iter().map(|(other, _)| other).collect::<Vec<_>>());
    let owner = graph.owners(pod)[0].0;
    let json = graph.picture(around.into_iter().flatten().chain([pod, binding, owner])).json();
    let nodes = json["nodes"].as_array().unwrap();
    let names: Vec<_> = nodes.iter().map(|it| [&it["kind"], &it["name"], &it["presence"]]).collect();
    let expected = [
        ["ConfigMap", "more", "gone"],
        ["ConfigMap", "settings", "listed"],
        ["Group", "system:serviceaccounts:shop", "no object"],
        ["Node", "worker", "listed"],
        ["PersistentVolumeClaim", "data", "listed"],
        ["Pod", "web-1-a", "listed"],
        ["ReplicaSet", "web-1", "listed"],
        ["Role", "web", "gone"],
        ["RoleBinding", "web", "listed"],
        ["Secret", "registry", "gone"],
        ["ServiceAccount", "web", "listed"],
        ["User", "jane", "no object"],
    ];
    assert_eq!(names, expected);
    assert_eq!((&nodes[11]["namespace"], &nodes[11]["uid"]), (&json!(null), &json!("")));
    // From, to, relation, optional, controller, blockOwnerDeletion, flaw.
    let expected = json!([
        [2, 10, "member", false, false, false, null],
        [5, 4, null, false, true, true, null],
        [5, 0, "config map", true, false, false, "it is not there"],
        [5, 1, "config map", false, false, false, null],
        [5, 3, "runs on", false, false, false, null],
        [5, 4, "claim", false, false, false, null],
        [5, 9, "secret", false, false, false, "it is not there"],
        [5, 10, "service account", false, false, false, null],
        [6, 5, null, false, true, true, null],
        [8, 2, "subject", false, false, false, null],
        [8, 7, "role", false, false, false, "it is not there"],
        [8, 11, "subject", false, false, false, null],
    ]);
    let fields = ["from", "to", "relation", "optional", "controller", "blockOwnerDeletion", "flaw"];
    let edges = json["edges"].as_array().unwrap().iter().map(|edge| {
        assert_eq!(edge.as_object().unwrap().len(), fields.len());
        fields.map(|field| edge[field].clone())
    });
    assert_eq!(json!(edges.collect::<Vec<_>>()), expected);
}

#[tokio::test]
async fn what_a_reference_names_does_not_command_a_terminal() {
    let mut map = map(1, &[2]);
    map.metadata.owner_references.as_mut().unwrap()[0].name = "\u{1b}[2Jgone\rno\nsecond line".to_owned();
    let (_cluster, client) = cluster(vec![map]).await;
    let graph = OwnerGraph::builder(client).kinds(["configmaps"]).load().await.unwrap();
    let text = graph.tree(graph.roots()[0]).to_string();
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(text.contains("ConfigMap/^[[2Jgone...") && !text.contains('\u{1b}'), "{text}");
}

/// Nobody limits what a reference may name.
#[tokio::test]
async fn a_name_of_any_length_and_a_chain_of_any_depth() {
    let name = "x".repeat(70_000);
    let mut owned = map(0, &[]);
    let reference = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": uid(1000)});
    owned.metadata.owner_references = Some(vec![serde_json::from_value(reference).unwrap()]);
    let chain = (1..500).map(|number| map(number, &[number - 1]));
    let (_cluster, client) = cluster([owned].into_iter().chain(chain).collect()).await;
    let graph = OwnerGraph::builder(client).kinds(["configmaps"]).load().await.unwrap();
    assert!(graph.gaps().is_empty(), "{:?}", graph.gaps());
    let root = graph.roots()[0];
    let text = graph.tree(root).to_string();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 502);
    assert!(lines[1].contains(&format!("  ConfigMap/{name} (gone)  ")));
    assert!(lines[501].contains(&format!("  {}└─ConfigMap/map-499  ", "  ".repeat(499))), "{}", lines[501]);
    let widths: std::collections::BTreeSet<_> = lines.iter().map(|line| line.chars().count()).collect();
    assert_eq!(widths.len(), 1, "{widths:?}");
}
