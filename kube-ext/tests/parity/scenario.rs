//! What is asked: the files of `scenarios`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Steps that follow each other in a namespace of their own, `$NS`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    #[serde(rename = "scenario")]
    pub(crate) name: String,
    /// Whether the pods of `pods.yaml` are there before the first step.
    #[serde(default)]
    pub(crate) pods: bool,
    /// Objects outside of the namespace that are to be deleted afterwards.
    #[serde(default)]
    pub(crate) cleanup: Vec<String>,
    pub(crate) steps: Vec<Step>,
}

/// A request. In all texts `$NS` stands for the namespace, and `$x` for what an earlier step saved as `x`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    /// Method and path; the method `CONNECT` opens a websocket.
    #[serde(rename = "do")]
    pub(crate) request: String,
    /// The body, as JSON.
    pub(crate) body: Option<Value>,
    /// The body as it is.
    pub(crate) raw: Option<String>,
    /// How many bytes of data the config map has that is the body.
    pub(crate) big: Option<usize>,
    /// What is written to a websocket's standard input, which is closed then.
    pub(crate) stdin: Option<String>,
    /// The content type, or a patch's short name.
    #[serde(rename = "type")]
    pub(crate) content_type: Option<String>,
    /// The `Accept` header, or its short name.
    pub(crate) accept: Option<String>,
    /// The user, if not the one who may do all.
    #[serde(rename = "as", default)]
    pub(crate) user: User,
    /// The answer is a watch, which is read until there are so many events, or it ends.
    pub(crate) events: Option<usize>,
    /// Ask again until the code (`code`) and the parts of the body that pointers name are these.
    #[serde(default)]
    pub(crate) until: BTreeMap<String, Value>,
    /// What later steps use, by pointers into the body.
    #[serde(default)]
    pub(crate) save: BTreeMap<String, String>,
    /// The parts of the body that count, by pointers; all if there are none. `*` stands for all items of an array.
    #[serde(default)]
    pub(crate) only: Vec<String>,
    /// The answer is 410 as soon as the server has forgotten its first versions, minutes after its start.
    #[serde(default)]
    pub(crate) expires: bool,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum User {
    #[default]
    Admin,
    Powerless,
}

const FILES: [&str; 8] = [
    include_str!("scenarios/access.yaml"),
    include_str!("scenarios/crds.yaml"),
    include_str!("scenarios/discovery.yaml"),
    include_str!("scenarios/errors.yaml"),
    include_str!("scenarios/pods.yaml"),
    include_str!("scenarios/read.yaml"),
    include_str!("scenarios/watch.yaml"),
    include_str!("scenarios/write.yaml"),
];

/// All scenarios.
pub(crate) fn all() -> Vec<Scenario> {
    FILES.iter().flat_map(|file| read_yaml::<Scenario>(file)).collect()
}

/// Documents in which `yes` and `y` are words, as they are in YAML 1.2.
pub(crate) fn read_yaml<T: DeserializeOwned>(text: &str) -> Vec<T> {
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_multiple_with_options(text, options).expect("YAML")
}
