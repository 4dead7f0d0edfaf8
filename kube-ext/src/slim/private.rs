//! What the derive's code uses. None of it is for anybody else, and any of it may change.

pub use std::{
    borrow::Cow,
    iter::IntoIterator,
    marker::PhantomData,
    option::Option::{self, None, Some},
    result::Result,
    string::String,
};

pub use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
pub use kube::Resource;
pub use serde::{Deserialize, Deserializer};
pub use serde_json::Value;

pub use crate::columns::{
    Column, Columns, PrinterColumn, PrinterColumns,
    printer::{Printed, cells},
};
pub use chrono::{DateTime, Utc};
pub use std::{sync::LazyLock, vec::Vec};

pub use super::{
    SlimMeta,
    check::{
        At, Compared, HasNames, Is, Open, Pair, any_text, column_type, counts, each, entry, fits, is_any,
        joins, keys, spelled, sums, values,
    },
    decode::{Builder, Shape, build, skip},
    fold::{All, Any, Count, First, Fold, Join, One, Sum},
};

/// An error of a value that was kept for several fields.
#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
pub fn custom<E: serde::de::Error>(error: serde_json::Error) -> E {
    E::custom(error)
}
