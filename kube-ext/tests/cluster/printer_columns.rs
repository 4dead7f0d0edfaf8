//! The columns of a custom resource that are told once: the server's own of its definition, against ours.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use fastrand::Rng;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::{
    api::resource::Quantity, apis::meta::v1::Time, util::intstr::IntOrString,
};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::runtime::{conditions, wait::await_condition};
use kube::{Api, CustomResourceExt, ResourceExt};
use kube_ext::columns::{Columns, PrinterColumns, Table};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::cluster::Cluster;
use crate::support::TestNamespace;

const PATIENCE: Duration = Duration::from_secs(300);
const VESSELS: u64 = 200;

#[derive(
    kube::CustomResource,
    Columns,
    serde::Serialize,
    serde::Deserialize,
    Clone,
    Debug,
    Default,
    schemars::JsonSchema,
)]
#[kube(group = "columns.kube-ext.example.com", version = "v1", kind = "Vessel", namespaced)]
#[serde(rename_all = "camelCase")]
#[columns(of = Vessel)]
#[column(name = "Home Port", path = "spec.homePort", description = "Where it is at home")]
#[column(name = "Guns", path = "spec.guns")]
#[column(name = "Draught", path = "spec.draught")]
#[wide_column(name = "Afloat", path = "spec.afloat")]
#[column(name = "Flag", path = r#"metadata.labels["example.com/flag"]"#)]
#[column(name = "Launched", path = "spec.launched")]
#[wide_column(name = "Cook", path = "spec.crew.cook@galley", rust = "spec.crew.cook")]
#[column(name = "Ratio", path = "spec.ratio")]
#[column(name = "Rig", path = "spec.rig", type = string)]
#[column(name = "Cargo", path = "spec.cargo")]
#[column(name = "Berth", path = "spec.berth")]
#[wide_column(name = "Soundings", path = "spec.soundings", type = string)]
#[wide_column(name = "Crew", path = "spec.crew", type = string)]
#[column(name = "Age", path = "metadata.creationTimestamp")]
struct VesselSpec {
    home_port: Option<String>,
    guns: Option<i32>,
    draught: Option<f64>,
    afloat: Option<bool>,
    #[schemars(with = "Option<String>")]
    launched: Option<Time>,
    crew: Option<Crew>,
    ratio: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rig: Option<Rig>,
    #[schemars(with = "Option<String>")]
    cargo: Option<Quantity>,
    #[schemars(schema_with = "int_or_string")]
    berth: Option<IntOrString>,
    soundings: Option<Vec<f64>>,
}

fn int_or_string(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"x-kubernetes-int-or-string": true, "nullable": true})
}

#[derive(serde::Serialize, serde::Deserialize, Clone, Debug, schemars::JsonSchema)]
enum Rig {
    Barque,
    Brig,
}

#[derive(serde::Serialize, serde::Deserialize, Clone, Debug, Default, schemars::JsonSchema)]
struct Crew {
    #[serde(rename = "cook@galley")]
    cook: Option<String>,
}

fn vessel(seed: u64, now: DateTime<Utc>) -> Vessel {
    let mut rng = Rng::with_seed(seed);
    let texts = ["", "Rotterdam", "a\tb\nc", "ä\u{1f600}<&>\"\\", "null", "5"];
    let numbers = [0.0, -0.5, 3.0, 2.75, 1e21, 1e-7, 123_456_789.0, -0.0, 1e18, -1e19, 1e20, f64::MAX];
    let spec = json!({
        "homePort": rng.choice(texts).filter(|_| rng.u8(..4) > 0),
        "guns": rng.choice([0, -7, i32::MAX, 104]).filter(|_| rng.u8(..4) > 0),
        "draught": rng.choice(numbers).filter(|_| rng.u8(..4) > 0),
        "afloat": Some(rng.bool()).filter(|_| rng.u8(..4) > 0),
        "launched": rng.choice([-40, 3_700, 400_000, 90_000_000]).filter(|_| rng.u8(..4) > 0)
            .map(|ago| (now - TimeDelta::seconds(ago)).format("%FT%TZ").to_string()),
        "crew": Some(json!({"cook@galley": rng.choice(["Long John", "", "<\u{2028}&>"])})).filter(|_| rng.bool()),
        "ratio": rng.choice([0.1_f32, -0.7, 2.0, 16_777_216.0, 1e10, f32::MAX, f32::MIN_POSITIVE]).filter(|_| rng.u8(..4) > 0),
        "rig": rng.choice(["Barque", "Brig"]).filter(|_| rng.bool()),
        "cargo": rng.choice(["100m", "2Gi", "0.50", "1e3", "007"]).filter(|_| rng.bool()),
        "berth": rng.choice([json!(7), json!("b7"), json!("7")]).filter(|_| rng.bool()),
        "soundings": rng.bool().then(|| (0..rng.usize(..4)).map(|_| numbers[rng.usize(..numbers.len())]).collect::<Vec<_>>()),
    });
    let mut vessel = Vessel::new(&format!("vessel-{seed}"), serde_json::from_value(spec).unwrap());
    let flag = BTreeMap::from([("example.com/flag".to_owned(), "nl".to_owned())]);
    vessel.metadata.labels = Some(flag).filter(|_| rng.bool());
    vessel
}

/// The line of a table with one row, all columns shown.
fn line(mut table: Table) -> String {
    table = table.wide(true).no_headers(true);
    table.take()
}

#[tokio::test]
async fn columns_of_a_custom_resource_are_the_servers() {
    let cluster = Cluster::connect().await;
    let client = &cluster.client;
    let namespace = TestNamespace::create(client, "columns").await;
    let crds = Api::<CustomResourceDefinition>::all(client.clone());
    let mut crd = Vessel::crd();
    Vessel::put_printer_columns(&mut crd);
    let params = PatchParams::apply("kube-ext-test").force();
    crds.patch(Vessel::crd_name(), &params, &Patch::Apply(crd)).await.unwrap();
    let established = await_condition(crds.clone(), Vessel::crd_name(), conditions::is_crd_established());
    timeout(PATIENCE, established).await.expect("in time").unwrap();

    let api = Api::<Vessel>::namespaced(client.clone(), &namespace.name);
    // A server may take a moment longer to serve what it calls established.
    let since = Instant::now();
    while let Err(error) = api.list_metadata(&ListParams::default()).await {
        assert!(since.elapsed() < PATIENCE, "{error}");
        sleep(Duration::from_millis(50)).await;
    }
    for seed in 0..VESSELS {
        api.create(&PostParams::default(), &vessel(seed, Utc::now())).await.unwrap();
    }
    let path = Api::<Vessel>::namespaced(client.clone(), &namespace.name).resource_url().to_owned();
    let request = http::Request::get(format!("{path}?includeObject=Object"))
        .header("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io")
        .body(Vec::new())
        .unwrap();
    let before = Utc::now();
    let table: Value = client.request(request).await.unwrap();
    let after = Utc::now();
    crds.delete(Vessel::crd_name(), &DeleteParams::default()).await.unwrap();
    namespace.delete().await;

    let definitions = table["columnDefinitions"].as_array().unwrap();
    let shown: Vec<_> = definitions
        .iter()
        .map(|it| (it["name"].as_str().unwrap(), it["priority"].as_u64().unwrap()))
        .collect();
    let ours: Vec<_> = Vessel::columns().iter().map(|it| (it.name, u64::from(it.priority))).collect();
    assert_eq!(ours, shown);
    let told: Vec<_> = Vessel::printer_columns().iter().map(|it| it.of_type).collect();
    assert_eq!(told, definitions[1..].iter().map(|it| it["type"].as_str().unwrap()).collect::<Vec<_>>());
    assert_eq!(definitions[1]["description"], "Where it is at home");

    let rows = table["rows"].as_array().unwrap();
    assert_eq!(rows.len() as u64, VESSELS);
    for row in rows {
        let one = json!({"kind": "Table", "columnDefinitions": definitions, "rows": [row]});
        let server = line(serde_json::from_value(one).unwrap());
        let vessel: Vessel = serde_json::from_value(row["object"].clone()).unwrap();
        let moments =
            (0..=(after - before).num_seconds() + 1).map(|second| before + TimeDelta::seconds(second));
        let ours: Vec<_> = moments
            .map(|now| {
                let mut table = Table::new::<Vessel>();
                table.push(&vessel, now.min(after));
                line(table)
            })
            .collect();
        assert!(ours.contains(&server), "{}: {server:?}, ours {ours:?}", vessel.name_any());
    }
}
