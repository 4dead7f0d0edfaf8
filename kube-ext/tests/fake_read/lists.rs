//! Lists: selected, in pages, as they were.
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ListParams, PostParams},
};
use kube_ext::fake::FakeCluster;
use serde_json::{Value, json};

use crate::ask::{JSON, ask, config_map, get, names, widget, widgets};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

/// Five config maps, c1 to c5, the first two of tier a, the others of tier b.
async fn five() -> FakeCluster {
    let maps = (1..=5).map(|number| {
        let tier = if number < 3 { "a" } else { "b" };
        config_map("default", &format!("c{number}"), json!({"tier": tier, "number": number.to_string()}))
    });
    FakeCluster::builder().objects(maps).start().await.unwrap()
}

async fn selected(
    client: &Client,
    path: &str,
    parameter: &str,
    selector: &str,
) -> Result<Vec<String>, String> {
    let selector: String = form_urlencoded::byte_serialize(selector.as_bytes()).collect();
    let answer = get(client, &format!("{path}?{parameter}={selector}")).await;
    match answer["kind"].as_str() {
        Some("Status") => Err(answer["message"].as_str().unwrap().to_owned()),
        _ => Ok(names(&answer)),
    }
}

#[tokio::test]
async fn labels_are_selected() {
    let cluster = five().await;
    let client = cluster.client().unwrap();
    for (selector, expected) in [
        ("tier=a", "c1 c2"),
        ("tier==a", "c1 c2"),
        (" tier = a ", "c1 c2"),
        ("tier!=a", "c3 c4 c5"),
        ("number in (1, 4)", "c1 c4"),
        ("number notin (1,4)", "c2 c3 c5"),
        ("number notin(1,4),tier=b", "c3 c5"),
        ("tier,!none", "c1 c2 c3 c4 c5"),
        ("!tier", ""),
        ("none", ""),
        ("number>3", "c4 c5"),
        ("number<2", "c1"),
        ("tier>3", ""),
        ("none notin (x)", "c1 c2 c3 c4 c5"),
        ("none!=x", "c1 c2 c3 c4 c5"),
        ("tier in ()", ""),
        ("tier=", ""),
        ("in in (in)", ""),
        ("", "c1 c2 c3 c4 c5"),
    ] {
        let names = selected(&client, MAPS, "labelSelector", selector).await.map(|names| names.join(" "));
        assert_eq!(names.as_deref(), Ok(expected), "{selector}");
    }
}

#[tokio::test]
async fn fields_are_selected() {
    let pod = |name: &str, node: &str, phase: &str| {
        json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"},
            "spec": {"nodeName": node, "containers": [{"name": "app", "image": "app"}]}, "status": {"phase": phase},
        })
    };
    let widgets = [widgets(), widget("red", &json!({"color": "red"})), widget("none", &json!({}))];
    let pods = [pod("a", "one", "Running"), pod("b", "two", "Running"), pod("c", "two", "Failed")];
    let cluster = FakeCluster::builder().objects(widgets).objects(pods).start().await.unwrap();
    let client = cluster.client().unwrap();
    let custom = "/apis/example.com/v1/widgets";
    for (path, selector, expected) in [
        ("/api/v1/pods", "spec.nodeName=two", "b c"),
        ("/api/v1/pods", "spec.host=two", "b c"),
        ("/api/v1/pods", "spec.nodeName=two,status.phase!=Failed", "b"),
        ("/api/v1/pods", "metadata.namespace==default,metadata.name=a,", "a"),
        ("/api/v1/pods", r"metadata.name=a\,b", ""),
        ("/api/v1/pods", "spec.restartPolicy=Always,spec.hostNetwork=false", "a b c"),
        ("/api/v1/namespaces", "metadata.name=default,status.phase=Active", "default"),
        (custom, "spec.color=red", "red"),
        (custom, "spec.color!=red", "none"),
        (custom, "spec.color=", "none"),
    ] {
        let names = selected(&client, path, "fieldSelector", selector).await.map(|names| names.join(" "));
        assert_eq!(names.as_deref(), Ok(expected), "{selector}");
    }
    for (path, selector, message) in [
        ("/api/v1/pods", "spec.foo=1", "field label not supported: spec.foo"),
        ("/api/v1/nodes", "metadata.namespace=x", "field label not supported: metadata.namespace"),
        (custom, "spec.size=1", "field label not supported: spec.size"),
        ("/apis/example.com/v1beta1/widgets", "spec.color=1", "field label not supported: spec.color"),
        ("/apis/batch/v1/jobs", "a=0", r#"field label "a" not supported for Job"#),
        (
            "/apis/apps/v1/deployments",
            "a=0",
            r#""a" is not a known field selector: only "metadata.name", "metadata.namespace""#,
        ),
        (
            "/api/v1/pods",
            "metadata.name",
            "invalid selector: 'metadata.name'; can't understand 'metadata.name'",
        ),
        ("/api/v1/pods", r"metadata.name=a\b", r"invalid field selector: invalid escape sequence: \b"),
        ("/api/v1/pods", r"metadata.name=a\", r"invalid field selector: invalid escape sequence: \"),
        ("/api/v1/pods", "metadata.name=a=", "invalid field selector: unescaped character in value: 61"),
    ] {
        assert_eq!(selected(&client, path, "fieldSelector", selector).await, Err(message.to_owned()));
    }
}

#[tokio::test]
async fn events_of_both_groups_are_the_same() {
    let event = json!({
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": "e", "namespace": "default"},
        "involvedObject": {"kind": "Pod", "name": "p"}, "reason": "Started", "source": {"component": "kubelet"},
    });
    let cluster = FakeCluster::builder().objects([event]).start().await.unwrap();
    let client = cluster.client().unwrap();
    for path in ["/api/v1/events", "/apis/events.k8s.io/v1/events"] {
        for selector in ["involvedObject.name=p", "reason=Started,source=kubelet"] {
            assert_eq!(selected(&client, path, "fieldSelector", selector).await, Ok(vec!["e".to_owned()]));
        }
        assert_eq!(selected(&client, path, "fieldSelector", "involvedObject.name=q").await, Ok(vec![]));
    }
}

/// As in etcd, where `/` follows a namespace: `-` comes before it.
#[tokio::test]
async fn all_namespaces_are_in_the_order_of_keys() {
    let maps = ["team", "team-a", "team0", "a"].map(|namespace| config_map(namespace, "map", json!({})));
    let cluster = FakeCluster::builder().objects(maps).start().await.unwrap();
    let maps = Api::<ConfigMap>::all(cluster.client().unwrap());
    let mut params = ListParams::default().limit(1);
    let mut namespaces = Vec::new();
    loop {
        let page = maps.list(&params).await.unwrap();
        namespaces.extend(page.items.iter().filter_map(ResourceExt::namespace));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => break,
        }
    }
    assert_eq!(namespaces, ["a", "team-a", "team", "team0"]);
}

#[tokio::test]
async fn pages_are_of_one_version() {
    let cluster = five().await;
    let maps = Api::<ConfigMap>::default_namespaced(cluster.client().unwrap());
    let first = maps.list(&ListParams::default().limit(2)).await.unwrap();
    let version = first.metadata.resource_version.clone();
    assert_eq!(first.metadata.remaining_item_count, Some(3));
    maps.delete("c3", &DeleteParams::default()).await.unwrap();
    let created = serde_json::from_value(config_map("default", "c35", json!({}))).unwrap();
    maps.create(&PostParams::default(), &created).await.unwrap();
    let token = first.metadata.continue_.unwrap();
    let second = maps.list(&ListParams::default().limit(2).continue_token(&token)).await.unwrap();
    assert_eq!(second.items.iter().map(ResourceExt::name_any).collect::<Vec<_>>(), ["c3", "c4"]);
    assert_eq!(
        (&second.metadata.resource_version, second.metadata.remaining_item_count),
        (&version, Some(1))
    );
    let token = second.metadata.continue_.unwrap();
    let third = maps.list(&ListParams::default().limit(2).continue_token(&token)).await.unwrap();
    assert_eq!(third.items.iter().map(ResourceExt::name_any).collect::<Vec<_>>(), ["c5"]);
    assert_eq!((third.metadata.resource_version, third.metadata.continue_), (version, None));
}

/// With a selector there may be more, and nobody has counted.
#[tokio::test]
async fn pages_of_what_is_selected_do_not_tell_how_much_remains() {
    let cluster = five().await;
    let client = cluster.client().unwrap();
    let page = get(&client, &format!("{MAPS}?limit=2&labelSelector=tier%3Da")).await;
    assert_eq!(names(&page), ["c1", "c2"]);
    assert!(page["metadata"]["continue"].is_string() && page["metadata"]["remainingItemCount"].is_null());
    let token = page["metadata"]["continue"].as_str().unwrap();
    let rest = get(&client, &format!("{MAPS}?limit=2&labelSelector=tier%3Da&continue={token}")).await;
    assert_eq!(rest["items"], json!([]));
    let single = get(&client, &format!("{MAPS}?limit=1&fieldSelector=metadata.name%3Dc1")).await;
    assert_eq!((names(&single), single["metadata"].get("continue")), (vec!["c1".to_owned()], None));
}

#[tokio::test]
async fn a_list_that_is_too_old_can_be_taken_up_as_it_is_now() {
    let cluster = five().await;
    let client = cluster.client().unwrap();
    let page = get(&client, &format!("{MAPS}?limit=2")).await;
    let version = page["metadata"]["resourceVersion"].as_str().unwrap();
    let token = page["metadata"]["continue"].as_str().unwrap();
    let created = serde_json::from_value::<ConfigMap>(config_map("default", "c35", json!({}))).unwrap();
    cluster.apply(&created).unwrap();
    let as_it_was = format!("{MAPS}?resourceVersion={version}&resourceVersionMatch=Exact");
    assert_eq!(names(&get(&client, &as_it_was).await).len(), 5);
    cluster.faults().compact();

    let (code, _, expired) = ask(&client, &format!("{MAPS}?limit=2&continue={token}"), JSON).await;
    let expired: Value = serde_json::from_str(&expired).unwrap();
    assert_eq!((code, expired["reason"].as_str()), (410, Some("Expired")));
    let message = expired["message"].as_str().unwrap();
    assert!(
        message
            .starts_with("The provided continue parameter is too old to display a consistent list result.")
    );
    let token = expired["metadata"]["continue"].as_str().unwrap();
    let rest = get(&client, &format!("{MAPS}?continue={token}")).await;
    assert_eq!(names(&rest), ["c3", "c35", "c4", "c5"]);

    let old = get(&client, &as_it_was).await;
    let message = "The resourceVersion for the provided list is too old.";
    assert_eq!((&old["code"], &old["message"]), (&json!(410), &json!(message)));
    let not_older = format!("{MAPS}?resourceVersion={version}&resourceVersionMatch=NotOlderThan");
    assert_eq!(names(&get(&client, &not_older).await).len(), 6);
}

#[tokio::test]
async fn an_empty_list_has_items() {
    let cluster = FakeCluster::builder().objects([widgets()]).start().await.unwrap();
    let client = cluster.client().unwrap();
    let secrets = get(&client, "/api/v1/secrets").await;
    assert_eq!((&secrets["kind"], &secrets["apiVersion"]), (&json!("SecretList"), &json!("v1")));
    assert_eq!(secrets["items"], json!([]));
    assert!(Api::<Secret>::all(client.clone()).list(&ListParams::default()).await.unwrap().items.is_empty());
    let widgets = get(&client, "/apis/example.com/v1/widgets").await;
    assert_eq!((&widgets["kind"], &widgets["metadata"]["continue"]), (&json!("WidgetList"), &json!("")));
}

/// Items of built-in kinds have no type fields, those of custom ones have, in the version that is asked for.
#[tokio::test]
async fn items_know_their_kind_if_it_is_a_custom_one() {
    let cluster = FakeCluster::builder()
        .objects([widgets(), widget("w", &json!({})), config_map("default", "c", json!({}))])
        .start()
        .await
        .unwrap();
    let client = cluster.client().unwrap();
    let maps = get(&client, MAPS).await;
    assert_eq!(maps["items"][0].as_object().unwrap().keys().collect::<Vec<_>>(), ["data", "metadata"]);
    let beta = get(&client, "/apis/example.com/v1beta1/widgets").await;
    assert_eq!(beta["items"][0]["apiVersion"], "example.com/v1beta1");
    assert_eq!(beta["items"][0]["kind"], "Widget");
    let map = get(&client, &format!("{MAPS}/c")).await;
    assert_eq!((&map["apiVersion"], &map["kind"]), (&json!("v1"), &json!("ConfigMap")));
}
