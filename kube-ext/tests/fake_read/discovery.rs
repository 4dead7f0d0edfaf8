//! What there is to read.
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api,
    api::{DeleteParams, PostParams},
    discovery::{Discovery, Scope},
};
use kube_ext::fake::FakeCluster;
use serde_json::{Value, json};

use crate::ask::{JSON, ask, get, get_as, widgets};

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// What the documents were made from comes out of them.
#[tokio::test]
async fn aggregated_documents_are_the_servers() {
    let cluster = FakeCluster::builder().start().await.unwrap();
    let client = cluster.client().unwrap();
    for (path, recorded) in [
        ("/api", include_str!("../../src/fake/data/api.json")),
        ("/apis", include_str!("../../src/fake/data/apis.json")),
    ] {
        let (code, content_type, body) = ask(&client, path, &format!("{JSON},{AGGREGATED}")).await;
        assert_eq!((code, content_type.as_str()), (200, AGGREGATED));
        let [served, recorded]: [Value; 2] =
            [&body, recorded].map(|document| serde_json::from_str(document).unwrap());
        assert_eq!(served, recorded);
    }
}

#[tokio::test]
async fn legacy_documents_say_the_same() {
    let cluster = FakeCluster::builder().start().await.unwrap();
    let client = cluster.client().unwrap();
    assert_eq!(get(&client, "/api").await["versions"], json!(["v1"]));
    let groups = get(&client, "/apis").await;
    let aggregated = get_as(&client, "/apis", AGGREGATED).await;
    let groups = groups["groups"].as_array().unwrap();
    for (group, aggregated) in groups.iter().zip(aggregated["items"].as_array().unwrap()) {
        assert_eq!(group["name"], aggregated["metadata"]["name"]);
        let name = group["name"].as_str().unwrap();
        let own = get(&client, &format!("/apis/{name}")).await;
        assert_eq!((&own["versions"], &own["preferredVersion"]), (&group["versions"], &group["versions"][0]));
        let versions = group["versions"].as_array().unwrap();
        for (version, aggregated) in versions.iter().zip(aggregated["versions"].as_array().unwrap()) {
            let list = get(&client, &format!("/apis/{}", version["groupVersion"].as_str().unwrap())).await;
            let resources = list["resources"].as_array().unwrap();
            let of_kinds: Vec<_> = resources
                .iter()
                .filter(|resource| !resource["name"].as_str().unwrap().contains('/'))
                .map(|resource| (&resource["name"], &resource["kind"], &resource["verbs"]))
                .collect();
            let expected: Vec<_> = aggregated["resources"]
                .as_array()
                .unwrap()
                .iter()
                .map(|resource| {
                    (&resource["resource"], &resource["responseKind"]["kind"], &resource["verbs"])
                })
                .collect();
            assert_eq!(of_kinds, expected);
        }
    }
    let core = get(&client, "/api/v1").await;
    let find = |name: &str| {
        core["resources"]
            .as_array()
            .unwrap()
            .iter()
            .find(|resource| resource["name"] == name)
            .unwrap()
            .clone()
    };
    assert_eq!(
        find("replicationcontrollers/scale"),
        json!({
            "name": "replicationcontrollers/scale", "singularName": "", "namespaced": true, "group": "autoscaling",
            "version": "v1", "kind": "Scale", "verbs": ["get", "patch", "update"],
        })
    );
    assert_eq!(find("configmaps")["storageVersionHash"], "qFsyl6wFWjQ=");
    assert_eq!(find("pods")["categories"], json!(["all"]));
}

#[tokio::test]
async fn the_kinds_of_a_crd_come_and_go() {
    let cluster = FakeCluster::builder().start().await.unwrap();
    let client = cluster.client().unwrap();
    let crds = Api::<CustomResourceDefinition>::all(client.clone());
    let crd = serde_json::from_value(widgets()).unwrap();
    crds.create(&PostParams::default(), &crd).await.unwrap();
    let discoveries = [
        Discovery::new(client.clone()).run().await.unwrap(),
        Discovery::new(client.clone()).run_aggregated().await.unwrap(),
    ];
    for discovery in discoveries {
        let group = discovery.get("example.com").unwrap();
        assert_eq!(group.versions().collect::<Vec<_>>(), ["v1", "v1beta1"]);
        let (resource, capabilities) = group.recommended_kind("Widget").unwrap();
        assert_eq!((resource.api_version.as_str(), resource.plural.as_str()), ("example.com/v1", "widgets"));
        assert_eq!(capabilities.scope, Scope::Namespaced);
        assert_eq!(capabilities.subresources.len(), 1);
        let pods = discovery.get("").unwrap().recommended_kind("Pod").unwrap();
        assert!(pods.1.supports_operation("watch"));
        let last =
            discovery.groups().map(|group| group.name().to_owned()).max_by_key(|name| name == "example.com");
        assert_eq!(last.as_deref(), Some("example.com"));
    }
    let group = get(&client, "/apis/example.com").await;
    assert_eq!(group["preferredVersion"]["version"], "v1");
    crds.delete("widgets.example.com", &DeleteParams::default()).await.unwrap();
    for path in ["/apis/example.com", "/apis/example.com/v1", "/apis/example.com/v1/widgets"] {
        let missing = ask(&client, path, JSON).await;
        assert_eq!(missing, (404, "text/plain; charset=utf-8".to_owned(), "404 page not found\n".to_owned()));
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let cluster = FakeCluster::builder().objects([widgets()]).start().await.unwrap();
    let client = cluster.client().unwrap();
    for path in ["/nope", "/apis/nope", "/apis/nope/v1/foos", "/openapi/v2", "/apis/example.com/v2/widgets"] {
        assert_eq!(ask(&client, path, JSON).await.2, "404 page not found\n", "{path}");
    }
    for path in ["/api/v2", "/apis/apps/v7", "/api/v1/nopes", "/apis/apps/v1/nopes", "/api/v1/configmaps/x"] {
        let (code, _, status) = ask(&client, path, JSON).await;
        let status: Value = serde_json::from_str(&status).unwrap();
        let message = "the server could not find the requested resource";
        assert_eq!(
            (code, &status["message"], &status["details"]),
            (404, &json!(message), &json!({})),
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_server_is_well() {
    let cluster = FakeCluster::builder().start().await.unwrap();
    let client = cluster.client().unwrap();
    for path in ["/healthz", "/livez", "/readyz"] {
        assert_eq!(ask(&client, path, "*/*").await, (200, "text/plain; charset=utf-8".into(), "ok".into()));
    }
    let version = client.clone().apiserver_version().await.unwrap();
    assert_eq!(version.git_version, "v1.36.2");
}
