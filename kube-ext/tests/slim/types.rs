//! Which types hold what is there: that type itself, and those with room for all that it can be.
use std::collections::{BTreeMap, BTreeSet, HashMap};

use k8s_openapi::{
    api::core::v1::{Container, Pod, PodCondition, Volume},
    apimachinery::pkg::{api::resource::Quantity, util::intstr::IntOrString},
};
use kube::CustomResource;
use kube_ext::slim::{Interned, Slim};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
struct Button {
    holes: u8,
}

type Buttons = Option<Vec<Button>>;

#[derive(CustomResource, Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[kube(group = "example.com", version = "v1", kind = "Shirt", namespaced)]
struct ShirtSpec {
    byte: u8,
    short: u16,
    replicas: u32,
    long: u64,
    size: usize,
    tiny: i8,
    small: i16,
    offset: isize,
    ratio: f32,
    ratios: Vec<f32>,
    counts: Vec<u32>,
    maybe: Vec<Option<u32>>,
    by_name: HashMap<String, u32>,
    by_number: BTreeMap<u16, Button>,
    tags: BTreeSet<String>,
    buttons: Buttons,
    boxed: Option<Box<Button>>,
    text: Box<str>,
    pair: (u8, String),
}

/// Each field is of the type that is there.
#[derive(Slim, Debug, PartialEq)]
#[slim(of = Shirt)]
struct Same {
    #[slim(path = "spec.byte")]
    byte: u8,
    #[slim(path = "spec.short")]
    short: u16,
    #[slim(path = "spec.replicas")]
    replicas: Option<u32>,
    #[slim(path = "spec.long")]
    long: u64,
    #[slim(path = "spec.size")]
    size: usize,
    #[slim(path = "spec.tiny")]
    tiny: i8,
    #[slim(path = "spec.small")]
    small: i16,
    #[slim(path = "spec.offset")]
    offset: isize,
    #[slim(path = "spec.ratio")]
    ratio: f32,
    #[slim(path = "spec.ratios[]")]
    ratios: Vec<f32>,
    #[slim(path = "spec.counts")]
    counts: Vec<u32>,
    #[slim(path = "spec.maybe")]
    maybe: Vec<Option<u32>>,
    #[slim(path = "spec.by_name")]
    by_name: HashMap<String, u32>,
    #[slim(path = "spec.by_number")]
    by_number: BTreeMap<u16, Button>,
    #[slim(path = "spec.tags")]
    tags: BTreeSet<String>,
    #[slim(path = "spec.buttons")]
    buttons: Buttons,
    #[slim(path = "spec.boxed")]
    boxed: Option<Box<Button>>,
    #[slim(path = "spec.text")]
    text: Box<str>,
    #[slim(path = "spec.pair")]
    pair: (u8, String),
}

/// Each has room for more.
#[derive(Slim, Debug, PartialEq)]
#[slim(of = Shirt)]
struct Wider {
    #[slim(path = "spec.byte")]
    byte: i16,
    #[slim(path = "spec.short")]
    short: f32,
    #[slim(path = "spec.replicas")]
    replicas: i64,
    #[slim(path = "spec.tiny")]
    tiny: f64,
    #[slim(path = "spec.ratio")]
    ratio: f64,
    #[slim(path = "spec.counts[]", fold = sum)]
    sum: u8,
    #[slim(path = "spec.ratios[]", fold = sum)]
    ratios: f32,
    #[slim(path = "spec.ratios[]", fold = first)]
    first: Option<f64>,
    #[slim(path = "spec.ratios[]", fold = join)]
    joined: String,
    #[slim(path = r#"spec.by_name["a"]"#)]
    a: u64,
    #[slim(path = "spec.by_number")]
    by_number: HashMap<u64, Value>,
    #[slim(path = "spec.tags[]")]
    tags: BTreeSet<Interned>,
}

fn shirt() -> Value {
    json!({"spec": {
        "byte": 255, "short": 65535, "replicas": u32::MAX, "long": u64::MAX, "size": 7, "tiny": -128, "small": -32768,
        "offset": -7, "ratio": 0.1, "ratios": [0.1, 0.25], "counts": [300, 1], "maybe": [1, null],
        "by_name": {"a": 1}, "by_number": {"80": {"holes": 4}}, "tags": ["b", "a"], "buttons": [{"holes": 2}],
        "boxed": {"holes": 1}, "text": "t", "pair": [1, "x"],
    }})
}

#[test]
fn the_type_that_is_there() {
    let same: Same = serde_json::from_value(shirt()).expect("a view");
    let whole: ShirtSpec = serde_json::from_value(shirt()["spec"].clone()).expect("a shirt");
    let Same { byte, short, replicas, long, size, tiny, small, offset, .. } = same;
    assert_eq!((byte, short, replicas, long), (u8::MAX, u16::MAX, Some(u32::MAX), u64::MAX));
    assert_eq!((size, tiny, small, offset), (7, i8::MIN, i16::MIN, -7));
    assert_eq!((same.ratio.to_bits(), same.ratios), (whole.ratio.to_bits(), whole.ratios));
    assert_eq!((same.counts, same.maybe, same.by_name), (whole.counts, whole.maybe, whole.by_name));
    assert_eq!((same.by_number, same.tags, same.buttons), (whole.by_number, whole.tags, whole.buttons));
    assert_eq!((same.boxed, same.text, same.pair), (whole.boxed, whole.text, whole.pair));
}

#[test]
fn types_with_room_for_more() {
    let wider: Wider = serde_json::from_str(&shirt().to_string()).expect("a view");
    let expected = Wider {
        byte: 255,
        short: 65535.0,
        replicas: u32::MAX.into(),
        tiny: -128.0,
        ratio: 0.1,
        sum: u8::MAX,
        ratios: 0.35,
        first: Some(0.1),
        joined: "0.1,0.25".to_owned(),
        a: 1,
        by_number: HashMap::from([(80, json!({"holes": 4}))]),
        tags: BTreeSet::from(["a".into(), "b".into()]),
    };
    assert_eq!(wider, expected);
}

/// Whole types of Kubernetes in what holds many.
#[derive(Slim, Debug, PartialEq)]
#[slim(of = Pod)]
struct Parts {
    #[slim(path = "status.conditions")]
    conditions: Box<[PodCondition]>,
    #[slim(path = "spec.volumes")]
    volumes: Option<Box<[Volume]>>,
    #[slim(path = "spec.initContainers[]")]
    containers: Vec<Container>,
    #[slim(path = "spec.overhead")]
    overhead: HashMap<Interned, Quantity>,
    #[slim(path = "metadata.labels")]
    labels: Option<HashMap<String, Box<str>>>,
    #[slim(path = "spec.containers[].readinessProbe.httpGet.port")]
    ports: Vec<IntOrString>,
}

#[test]
fn types_of_kubernetes() {
    let pod = json!({
        "metadata": {"labels": {"app": "web"}},
        "spec": {
            "initContainers": [{"name": "init"}], "containers": [{"name": "app", "readinessProbe": {"httpGet": {"port": "http"}}}],
            "volumes": [{"name": "v"}], "overhead": {"cpu": "250m"},
        },
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    });
    let parts: Parts = serde_json::from_value(pod.clone()).expect("a view");
    let Pod { spec, status, .. } = serde_json::from_value(pod).expect("a pod");
    let spec = spec.expect("a spec");
    assert_eq!(Some(parts.conditions.into_vec()), status.and_then(|status| status.conditions));
    assert_eq!(parts.volumes.as_deref(), spec.volumes.as_deref());
    assert_eq!(parts.containers[0].name, "init");
    assert_eq!(parts.overhead[&"cpu".into()], Quantity("250m".into()));
    assert_eq!(&*parts.labels.expect("labels")["app"], "web");
    assert_eq!(parts.ports, [IntOrString::String("http".into())]);
}
