//! The YAML and JSON of objects of every kind that the cluster serves: kubectl's own text against ours.

use std::time::{Duration, Instant};

use fastrand::Rng;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::{
    apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet},
    batch::v1::{CronJob, Job},
    coordination::v1::Lease,
    core::v1::{ConfigMap, Event, Pod, Secret, Service},
    discovery::v1::EndpointSlice,
    networking::v1::Ingress,
    policy::v1::PodDisruptionBudget,
    rbac::v1::{Role, RoleBinding},
};
use kube::api::{Api, DynamicObject, ListParams};
use kube::{Client, Resource, ResourceExt};
use kube_ext::yaml::Yaml;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::sleep;

use crate::cluster::Cluster;
use crate::generate;
use crate::kubectl::{create_objects, kinds, kubectl, kubectl_with};
use crate::support::TestNamespace;

/// How long it may take until objects stay as they are for a moment.
const PATIENCE: Duration = Duration::from_secs(600);

/// A namespace with the objects of `objects.yaml` and some random pods.
async fn namespace(client: &Client) -> TestNamespace {
    let namespace = TestNamespace::create(client, "text").await;
    create_objects(&namespace, include_str!("objects.yaml")).await;
    // Neither bound nor deleted, or a controller would collect them under our hands.
    let lasting = (0..40).map(generate::pod).map(|(mut pod, status, _)| {
        pod.spec.as_mut().expect("spec").node_name = None;
        (pod, status, false)
    });
    namespace.write(lasting.collect()).await;
    namespace
}

#[tokio::test]
async fn lists_of_every_kind_equal_kubectls() {
    let client = Cluster::connect().await.client;
    let namespace = namespace(&client).await;
    let (mut compared, mut empty) = (0, 0);
    for (resource, _) in kinds(&client).await {
        let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
        let name = format!("{}.{}.{}", resource.plural, resource.version, resource.group);
        // Some objects change all the time: compare when none did between two lists.
        let since = Instant::now();
        let (list, yaml, json) = loop {
            assert!(since.elapsed() < PATIENCE, "{name} never stays the same");
            let before = api.list(&ListParams::default()).await.expect(&name);
            let yaml = kubectl(&["get", &name, "-A", "-o", "yaml"]);
            let json = kubectl(&["get", &name, "-A", "-o", "json"]);
            let after = api.list(&ListParams::default()).await.expect(&name);
            if before.items == after.items {
                break (after, yaml, json);
            }
            sleep(Duration::from_millis(500)).await;
        };
        compared += list.items.len();
        empty += usize::from(list.items.is_empty());
        assert_eq!(list.to_yaml().expect(&name), yaml, "yaml of {name}");
        assert_eq!(list.to_json().expect(&name), json, "json of {name}");
    }
    namespace.delete().await;
    println!("{compared} objects compared; {empty} kinds have none");
    assert!(compared > 100, "only {compared} objects");
}

/// Each object of a typed kind, alone.
async fn check_typed<K>(namespace: &TestNamespace)
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned
        + Serialize,
{
    let (kind, plural) = (K::kind(&()), format!("{}.{}.{}", K::plural(&()), K::version(&()), K::group(&())));
    let api: Api<K> = Api::namespaced(namespace.client.clone(), &namespace.name);
    let objects = api.list(&ListParams::default()).await.expect("list").items;
    assert!(!objects.is_empty(), "no {kind}");
    for name in objects.iter().map(ResourceExt::name_any) {
        let get = |format| kubectl(&["get", &plural, &name, "-n", &namespace.name, "-o", format]);
        // A controller may write to the object meanwhile.
        let since = Instant::now();
        let (object, yaml, json) = loop {
            assert!(since.elapsed() < PATIENCE, "{kind} {name} never stays the same");
            let before = api.get(&name).await.expect("get");
            let (yaml, json) = (get("yaml"), get("json"));
            let after = api.get(&name).await.expect("get");
            if before.resource_version() == after.resource_version() {
                break (after, yaml, json);
            }
            sleep(Duration::from_millis(500)).await;
        };
        // A typed object cannot tell a null from a field that is not there.
        let mut printed: Value = serde_json::from_str(&json).expect("JSON");
        let (yaml, json) = if drop_nulls(&mut printed) {
            let printed: DynamicObject = serde_json::from_value(printed).expect("an object");
            (printed.to_yaml().expect("yaml"), printed.to_json().expect("json"))
        } else {
            (yaml, json)
        };
        assert_eq!(object.to_yaml().expect("yaml"), yaml, "yaml of {kind} {name}");
        assert_eq!(object.to_json().expect("json"), json, "json of {kind} {name}");
    }
}

/// Drops the fields that are null; whether there were any.
fn drop_nulls(value: &mut Value) -> bool {
    let mut dropped = false;
    match value {
        Value::Object(fields) => {
            let before = fields.len();
            fields.retain(|_, field| !field.is_null());
            dropped = fields.len() < before;
            fields.values_mut().for_each(|field| dropped |= drop_nulls(field));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| dropped |= drop_nulls(item)),
        _ => {}
    }
    dropped
}

#[tokio::test]
async fn typed_objects_equal_kubectls() {
    let namespace = namespace(&Cluster::connect().await.client).await;
    check_typed::<ConfigMap>(&namespace).await;
    check_typed::<CronJob>(&namespace).await;
    check_typed::<EndpointSlice>(&namespace).await;
    check_typed::<Event>(&namespace).await;
    check_typed::<Ingress>(&namespace).await;
    check_typed::<Job>(&namespace).await;
    check_typed::<Lease>(&namespace).await;
    check_typed::<Pod>(&namespace).await;
    check_typed::<PodDisruptionBudget>(&namespace).await;
    check_typed::<Role>(&namespace).await;
    check_typed::<RoleBinding>(&namespace).await;
    check_typed::<Secret>(&namespace).await;
    check_typed::<Service>(&namespace).await;
    check_typed::<DaemonSet>(&namespace).await;
    check_typed::<Deployment>(&namespace).await;
    check_typed::<ReplicaSet>(&namespace).await;
    check_typed::<StatefulSet>(&namespace).await;
    namespace.delete().await;
}

/// A text of the characters and words that YAML makes something of.
fn nasty(rng: &mut Rng) -> String {
    let parts = [
        "a",
        "B",
        "0",
        "7",
        "-",
        "- ",
        ": ",
        ":",
        " #",
        "#",
        "\n",
        "\n\n",
        "\t",
        "\r\n",
        " ",
        "  ",
        "'",
        "\"",
        "\\",
        "|",
        ">",
        "&",
        "*",
        "!",
        "%",
        "@",
        "`",
        "{",
        "}",
        "[",
        "]",
        ",",
        "?",
        "? ",
        "~",
        "null",
        "yes",
        "No",
        "on",
        "y",
        "true",
        "0755",
        "0x1F",
        "1_000",
        "12:30:45",
        "2020-01-01",
        "1e3",
        ".inf",
        ".nan",
        "<<",
        "=",
        "---",
        "...",
        "\u{1F600}",
        "日本",
        "é",
        "\u{feff}",
        "\u{a0}",
        "\u{7}",
        "\u{2028}",
        "word word word word word word ",
    ];
    (0..rng.usize(..12)).map(|_| *rng.choice(&parts).expect("a part")).collect()
}

#[tokio::test]
async fn kubectl_reads_what_we_write() {
    Cluster::connect().await;
    let seed = fastrand::u64(..1 << 40);
    println!("seed {seed}");
    let mut rng = Rng::with_seed(seed);
    let configs: Vec<ConfigMap> = (0..2_000)
        .map(|index| {
            let mut config = ConfigMap {
                data: Some((0..5).map(|key| (format!("k{key}"), nasty(&mut rng))).collect()),
                ..ConfigMap::default()
            };
            config.metadata.name = Some(format!("config-{index}"));
            // Any text can be the key of an annotation, as far as a client cares.
            config.metadata.annotations =
                Some((0..3).map(|_| (nasty(&mut rng) + "x", nasty(&mut rng))).collect());
            config
        })
        .collect();
    let dry_run = ["create", "--dry-run=client", "--validate=false", "-o", "json", "-f", "-"];
    let printed = kubectl_with(&dry_run, &configs.to_yaml().expect("yaml"));
    let read = serde_json::Deserializer::from_str(&printed).into_iter::<ConfigMap>();
    let read: Vec<_> = read.collect::<Result<_, _>>().expect("JSON");
    assert_eq!(read.len(), configs.len(), "seed {seed}");
    for (config, mut read) in configs.iter().zip(read) {
        // It is told where it would be created.
        read.metadata.namespace = None;
        assert_eq!(&read, config, "seed {seed}\n{}", config.to_yaml().expect("yaml"));
    }
}
