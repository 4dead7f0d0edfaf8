//! The columns of each kind's table.
//!
//! `data/columns` has column definitions of an API server of Kubernetes 1.36.2: `default.json` are those of kinds that
//! have none of their own, the others are of the kind that they are named after.
use std::fmt;

use chrono::{DateTime, Utc};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Event, Node, Pod},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::custom::CustomColumn;
use crate::{
    columns::Columns as Cells,
    fake::{kinds::Kind, store::Stored},
};

/// `Name` and `Created At`, which built-in kinds without columns have.
const DEFAULT: &str = include_str!("../data/columns/default.json");

/// What Go prints for a time that is not set.
const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

/// The built-in kinds whose cells the crate knows. The others are shown as kinds without columns are.
const BUILT_IN: [BuiltIn; 4] = [
    BuiltIn {
        storage: "deployments.apps",
        definitions: include_str!("../data/columns/deployments.json"),
        cells: cells::<Deployment>,
        numbers: &[2, 3],
    },
    BuiltIn {
        storage: "events",
        definitions: include_str!("../data/columns/events.json"),
        cells: cells::<Event>,
        numbers: &[8],
    },
    BuiltIn {
        storage: "nodes",
        definitions: include_str!("../data/columns/nodes.json"),
        cells: cells::<Node>,
        numbers: &[],
    },
    BuiltIn {
        storage: "pods",
        definitions: include_str!("../data/columns/pods.json"),
        cells: cells::<Pod>,
        numbers: &[],
    },
];

#[derive(Clone, Copy)]
struct BuiltIn {
    storage: &'static str,
    definitions: &'static str,
    cells: fn(&Stored, DateTime<Utc>) -> Vec<String>,
    /// Cells that are numbers in JSON, whatever the type of their column.
    numbers: &'static [usize],
}

/// The columns of a kind.
#[derive(Debug)]
pub(crate) struct Columns {
    definitions: String,
    source: Source,
}

enum Source {
    BuiltIn(BuiltIn),
    Default,
    Custom(Vec<CustomColumn>),
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BuiltIn(..) => "BuiltIn",
            Self::Default => "Default",
            Self::Custom(_) => "Custom",
        })
    }
}

impl Columns {
    pub(crate) fn of(kind: &Kind) -> Self {
        if let Some(version) = &kind.custom {
            let defaults: Vec<Value> = serde_json::from_str(DEFAULT).unwrap_or_default();
            let columns = CustomColumn::all(version, defaults.get(1));
            let definitions =
                defaults.into_iter().take(1).chain(columns.iter().map(CustomColumn::definition));
            let definitions = definitions.collect::<Value>().to_string();
            return Self { definitions, source: Source::Custom(columns) };
        }
        match BUILT_IN.into_iter().find(|built_in| built_in.storage == &*kind.storage) {
            Some(built_in) => Self {
                definitions: built_in.definitions.trim_end().to_owned(),
                source: Source::BuiltIn(built_in),
            },
            None => Self { definitions: DEFAULT.trim_end().to_owned(), source: Source::Default },
        }
    }

    /// The `columnDefinitions`.
    pub(crate) fn definitions(&self) -> &str {
        &self.definitions
    }

    /// Whether these are the columns of kinds that have none of their own.
    pub(crate) fn are_default(&self) -> bool {
        matches!(self.source, Source::Default)
    }

    pub(crate) fn cells(&self, object: &Stored, now: DateTime<Utc>) -> Vec<Value> {
        match &self.source {
            Source::BuiltIn(built_in) => {
                let cells = (built_in.cells)(object, now).into_iter().enumerate();
                cells.map(|(at, cell)| typed(built_in.numbers.contains(&at), cell)).collect()
            }
            Source::Default => {
                let created = object.value();
                let created = created.pointer("/metadata/creationTimestamp").and_then(Value::as_str);
                vec![json!(object.key.name), json!(created.unwrap_or(ZERO_TIME))]
            }
            Source::Custom(columns) => {
                let object = (object.key.name.clone(), object.value());
                let own = columns.iter().map(|column| column.cell(&object.1, now));
                [Value::from(object.0)].into_iter().chain(own).collect()
            }
        }
    }
}

/// The cells as `kubectl get` shows them. What is not of the type has those of an empty object.
fn cells<K: Cells + DeserializeOwned + Default>(object: &Stored, now: DateTime<Utc>) -> Vec<String> {
    serde_json::from_slice::<K>(&object.json).unwrap_or_default().cells_at(now)
}

/// A cell as the server types it.
fn typed(is_number: bool, cell: String) -> Value {
    let number = is_number.then(|| cell.parse::<i64>().ok()).flatten();
    number.map_or_else(|| Value::from(cell), Value::from)
}
