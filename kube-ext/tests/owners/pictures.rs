//! Graphs as text.

use kube_ext::owners::OwnerGraph;
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
    let expected = json!({"owner": uid(1), "dependent": uid(9), "controller": false, "blockOwnerDeletion": true, "flaw": null});
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
