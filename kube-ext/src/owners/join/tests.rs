use serde::Deserialize as _;
use serde_json::{Value, json};

use super::{
    super::{edge::Flaw, list::Item},
    *,
};

/// A kind that is in namespaces, one that is not, and the first in another group.
fn kinds() -> (Vec<Arc<Kind>>, Arc<Catalog>) {
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
    (catalog.preferred.clone(), Arc::new(catalog))
}

/// A graph of objects of a kind that is in namespaces, and of one that is not.
fn graph(objects: &[Value], in_none: &[Value]) -> OwnerGraph {
    let (kinds, catalog) = kinds();
    let mut joiner = Joiner::new(catalog, Relations::default(), false);
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

/// For the garbage collector the owner is what the reference's group has, which is another kind of the same name unless both serve it.
#[test]
fn two_groups_with_a_kind_of_one_name() {
    let (kinds, catalog) = kinds();
    let [core, other] = [0, 2].map(|place: usize| kinds[place].clone());
    let a = json!({"name": "a", "namespace": "x", "uid": "1"});
    let b = json!({"name": "b", "namespace": "x", "uid": "2", "ownerReferences": owned_by("other/v1", "ConfigMap", "a", "1")});
    let put = |joiner: &mut Joiner, kind: &Arc<Kind>, object: &Value| {
        joiner.put(kind, serde_json::from_str(&object.to_string()).unwrap(), None);
    };
    let flaw = |joiner: &Joiner| {
        let b = joiner.graph.find("ConfigMap", Some("x"), "b").unwrap();
        joiner.graph.owners(b)[0].1.flaw()
    };
    for is_copy in [false, true] {
        for lists in [[&core, &other], [&other, &core]] {
            let mut joiner = Joiner::new(catalog.clone(), Relations::default(), false);
            for kind in lists {
                for object in [&a, &b] {
                    if is_copy || *kind == core {
                        put(&mut joiner, kind, object);
                    }
                }
                joiner.listed(kind, None, None);
            }
            joiner.settle();
            let expected = (!is_copy).then_some(Flaw::OtherIdentity);
            assert_eq!(flaw(&joiner), expected, "{is_copy} {}", lists[0]);
            // One object of both is enough to know.
            put(&mut joiner, &core, &json!({"name": "c", "namespace": "x", "uid": "3"}));
            put(&mut joiner, &other, &json!({"name": "c", "namespace": "x", "uid": "3"}));
            assert_eq!(flaw(&joiner), None, "{is_copy} {}", lists[0]);
            // Nobody knows what is not listed.
            joiner.unlisted(&other);
            assert_eq!(flaw(&joiner), None);
            assert!(joiner.take_uncovered().is_empty());
            joiner.unlisted(&core);
            assert_eq!(joiner.graph.as_petgraph().node_count(), 0);
        }
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

/// Nor when they do not agree on what it is.
#[test]
fn what_many_name_in_two_ways() {
    const MANY: usize = 1000;
    let (kinds, catalog) = kinds();
    let map = |number: usize| {
        let api_version = if number.is_multiple_of(2) { "v2" } else { "v1" };
        json!({"name": format!("p-{number}"), "namespace": "x", "uid": format!("{number}"), "ownerReferences": owned_by(api_version, "ConfigMap", "a", "a")})
    };
    for is_settled in [false, true] {
        let mut joiner = Joiner::new(catalog.clone(), Relations::default(), false);
        if is_settled {
            joiner.listed(&kinds[0], None, None);
            joiner.settle();
        }
        for number in 0..MANY {
            joiner.put(&kinds[0], serde_json::from_str(&map(number).to_string()).unwrap(), None);
        }
        let before = joiner.judgements.get();
        assert!(before < 10 * MANY, "{before}");
        for number in 0..MANY {
            joiner.delete(&kinds[0], serde_json::from_str(&map(number).to_string()).unwrap());
        }
        let end = joiner.judgements.get() - before;
        assert!(end < 10 * MANY, "{end}");
        assert_eq!(joiner.graph.as_petgraph().node_count(), 0);
    }
}
