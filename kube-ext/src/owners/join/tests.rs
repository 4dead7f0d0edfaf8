use serde::Deserialize as _;
use serde_json::{Value, json};

use super::{
    super::{edge::Flaw, list::Item},
    *,
};

/// A graph of objects of a kind that is in namespaces, and of one that is not.
fn graph(objects: &[Value], in_none: &[Value]) -> OwnerGraph {
    let resource = |plural: &str, kind: &str, scope: &str| json!({"resource": plural, "responseKind": {"kind": kind}, "scope": scope, "verbs": ["list"]});
    let resources = [resource("configmaps", "ConfigMap", "Namespaced"), resource("nodes", "Node", "Cluster")];
    let group = json!({"metadata": {"name": ""}, "versions": [{"version": "v1", "resources": resources}]});
    let other = json!({
        "metadata": {"name": "other"},
        "versions": [{"version": "v1", "resources": [resource("configmaps", "ConfigMap", "Namespaced")]}],
    });
    let mut catalog = Catalog::default();
    catalog.add_group(serde_json::from_value(group).unwrap());
    catalog.add_group(serde_json::from_value(other).unwrap());
    let kinds = catalog.preferred.clone();
    let mut joiner = Joiner::new(Arc::new(catalog), Relations::default(), false);
    for (kind, objects) in [(&kinds[0], objects), (&kinds[1], in_none)] {
        for object in objects {
            let text = object.to_string();
            joiner.put(kind, serde_json::from_str(&text).unwrap(), None);
        }
        joiner.listed(kind, None, None);
    }
    joiner.settle();
    joiner.graph
}

fn owned_by(api_version: &str, kind: &str, name: &str, uid: &str) -> Value {
    json!([{"apiVersion": api_version, "kind": kind, "name": name, "uid": uid}])
}

#[test]
fn what_has_no_uid_is_an_object_of_its_own() {
    let graph = graph(
        &[
            json!({"name": "a", "namespace": "x"}),
            json!({"name": "b", "namespace": "x", "ownerReferences": null}),
        ],
        &[
            json!({"name": "c", "creationTimestamp": null, "ownerReferences": owned_by("v1", "Node", "d", "")}),
        ],
    );
    let names: Vec<_> = graph.nodes().into_iter().map(|index| graph[index].name().to_owned()).collect();
    assert_eq!(names, ["a", "b", "c", "d"]);
    assert_eq!(graph.owners(graph.find("Node", None, "c").unwrap())[0].1.flaw(), Some(Flaw::Gone));
}

#[test]
fn what_is_in_no_namespace_and_names_an_owner_in_one_is_left_alone() {
    let map = json!({"name": "a", "namespace": "x", "uid": "1"});
    for owner in [
        owned_by("v1", "ConfigMap", "a", "1"),
        owned_by("v1", "ConfigMap", "other", "1"),
        owned_by("v1", "ConfigMap", "a", "2"),
    ] {
        let node = json!({"name": "n", "uid": "9", "ownerReferences": owner});
        let graph = graph(std::slice::from_ref(&map), &[node]);
        let node = graph.find("Node", None, "n").unwrap();
        assert_eq!(graph.owners(node)[0].1.flaw(), Some(Flaw::InvalidNamespace), "{owner}");
        assert!(graph.orphans().is_empty());
    }
}

#[test]
fn an_owner_is_found_by_either_group_that_serves_it() {
    for (api_version, flaw) in [("v1", None), ("other/v1", None), ("none/v1", Some(Flaw::UnknownKind))] {
        let owned = owned_by(api_version, "ConfigMap", "a", "1");
        let graph = graph(
            &[
                json!({"name": "b", "namespace": "x", "uid": "2", "ownerReferences": owned}),
                json!({"name": "a", "namespace": "x", "uid": "1"}),
            ],
            &[],
        );
        let owned = graph.find("ConfigMap", Some("x"), "b").unwrap();
        assert_eq!(graph.owners(owned)[0].1.flaw(), flaw, "{api_version}");
    }
}

/// What many speak of is not judged by all they say whenever one of them comes or goes.
#[test]
fn one_of_many_costs_no_more_than_one_of_few() {
    const MANY: usize = 1000;
    let resource = |plural: &str, kind: &str| json!({"resource": plural, "responseKind": {"kind": kind}, "scope": "Namespaced", "verbs": ["list"]});
    let resources = [resource("pods", "Pod"), resource("serviceaccounts", "ServiceAccount")];
    let mut catalog = Catalog::default();
    let group = json!({"metadata": {"name": ""}, "versions": [{"version": "v1", "resources": resources}]});
    catalog.add_group(serde_json::from_value(group).unwrap());
    let catalog = Arc::new(catalog);
    let [pods, accounts] = [catalog.preferred[0].clone(), catalog.preferred[1].clone()];
    let pod = |number: usize| {
        json!({
            "metadata": {"name": format!("p-{number}"), "namespace": "x", "uid": format!("{number}"), "ownerReferences": owned_by("v1", "ServiceAccount", "a", "a")},
            "spec": {"serviceAccountName": "a"},
        })
    };
    for is_there in [false, true] {
        let mut joiner = Joiner::new(catalog.clone(), Relation::all().collect(), false);
        for kind in [&pods, &accounts] {
            joiner.listed(kind, None, None);
        }
        joiner.settle();
        let put = |joiner: &mut Joiner, pod: &Value| {
            let item = Item::deserialize(pod).unwrap();
            joiner.put(&pods, item.metadata, Some(pod));
        };
        if is_there {
            let account = r#"{"name": "a", "namespace": "x", "uid": "a"}"#;
            joiner.put(&accounts, serde_json::from_str(account).unwrap(), None);
        }
        for number in 0..MANY {
            put(&mut joiner, &pod(number));
        }
        let before = joiner.judgements.get();
        assert!(before < 10 * MANY, "{before}");
        for number in 0..MANY {
            let pod = pod(number);
            joiner.delete(&pods, Item::deserialize(&pod).unwrap().metadata);
        }
        let end = joiner.judgements.get() - before;
        assert!(end < 10 * MANY, "{end}");
        assert_eq!(joiner.graph.as_petgraph().node_count(), usize::from(is_there));
    }
}
