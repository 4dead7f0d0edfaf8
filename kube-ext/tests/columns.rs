//! The columns of a custom resource: `#[derive(Columns)]`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use k8s_openapi::apimachinery::pkg::{api::resource::Quantity, util::intstr::IntOrString};
use kube::CustomResource;
use kube_ext::columns::{Columns, PrinterColumns};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(CustomResource, Columns, Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[kube(group = "example.com", version = "v1", kind = "Shirt", namespaced, schema = "disabled")]
#[columns(of = Shirt)]
#[column(name = "Ratio", path = "spec.ratio")]
#[column(name = "Weight", path = "spec.weight")]
#[column(name = "Phase", path = "spec.phase", type = string)]
#[column(name = "Cloth", path = "spec.cloth")]
#[column(name = "Button", path = "spec.button")]
#[column(name = "Sizes", path = "spec.sizes", type = string)]
#[column(name = "Count", path = "spec.sizesCount", rust = "spec.how_many", type = string)]
#[column(name = "Boxed", path = "spec.boxed")]
struct ShirtSpec {
    ratio: f32,
    weight: f64,
    phase: Option<Phase>,
    #[schemars(with = "Option<String>")]
    cloth: Option<Quantity>,
    #[schemars(with = "String")]
    button: Option<IntOrString>,
    sizes: Option<Vec<f64>>,
    #[serde(rename = "sizesCount")]
    how_many: Option<f64>,
    boxed: Option<Box<u16>>,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
enum Phase {
    Washed,
    #[serde(rename = "In Use")]
    InUse,
}

fn cells(spec: Value) -> Vec<String> {
    let spec: ShirtSpec = serde_json::from_value(spec).unwrap();
    Shirt::new("a", spec).cells().split_off(1)
}

/// A server gets a number as text, and knows nothing of how it was kept before.
#[test]
fn a_float_of_32_bits_is_shown_as_it_was_written() {
    for (ratio, weight, expected) in [
        (0.1, 0.1, ["0.1", "0.1"]),
        (16_777_216.0, 1e6, ["16777216", "1000000"]),
        (3.4e38, -1e-7, ["3.4e+38", "-1e-07"]),
    ] {
        assert_eq!(cells(json!({"ratio": ratio, "weight": weight}))[..2], expected);
    }
}

#[test]
fn any_value_has_a_text() {
    let of = |phase: Phase, cloth: &str, button: Value| {
        let sizes = json!([1.0, 2.5, 1e6]);
        cells(
            json!({"ratio": 0, "weight": 0, "phase": phase, "cloth": cloth, "button": button, "sizes": sizes,
            "sizesCount": 3e6, "boxed": 7}),
        )
        .split_off(2)
    };
    assert_eq!(
        of(Phase::Washed, "1500m", json!(5)),
        ["Washed", "1500m", "5", "[1,2.5,1000000]", "3000000", "7"]
    );
    assert_eq!(of(Phase::InUse, "2Gi", json!("50%"))[..3], ["In Use", "2Gi", "50%"]);
    // Of what is null there is a text, too; what is absent has none.
    assert_eq!(cells(json!({"ratio": 0, "weight": 0}))[2..4], ["<no value>", "<no value>"]);
}

#[test]
fn types_of_columns() {
    let types: Vec<_> = Shirt::printer_columns().iter().map(|column| column.of_type).collect();
    assert_eq!(types, ["number", "number", "string", "string", "string", "string", "string", "integer"]);
}
