//! The columns of a custom resource, told once: its cells here, and `additionalPrinterColumns` of its definition.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use k8s_openapi::{
    apiextensions_apiserver::pkg::apis::apiextensions::v1::{
        CustomResourceColumnDefinition, CustomResourceDefinition,
    },
    apimachinery::pkg::{
        api::resource::Quantity,
        apis::meta::v1::{MicroTime, Time},
        util::intstr::IntOrString,
    },
};
use kube::Resource;
use serde::Serialize;
use serde_json::Value;

use super::{Columns, cell, table};

/// A column of a custom resource behind the first, which is its name.
///
/// ```
/// use kube_ext::columns::PrinterColumn;
///
/// fn describe(column: &PrinterColumn) -> String {
///     format!("{}: {} at {}", column.name, column.of_type, column.json_path())
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PrinterColumn {
    /// Its name; kubectl prints it in capitals.
    pub name: &'static str,
    /// `string`, `integer`, `number`, `boolean` or `date`, as the type of the field or `type = string` says.
    pub of_type: &'static str,
    /// 0 for a column that is always shown; others only show in wide output.
    pub priority: u8,
    /// What it tells.
    pub description: Option<&'static str>,
    keys: &'static [&'static str],
}

impl PrinterColumn {
    #[doc(hidden)]
    pub const fn new(
        name: &'static str,
        of_type: &'static str,
        keys: &'static [&'static str],
        priority: u8,
        description: Option<&'static str>,
    ) -> Self {
        Self { name, of_type, priority, description, keys }
    }

    /// Where its value is, as a definition tells it: `.metadata.labels.example\\.com/app`.
    ///
    /// ```
    /// fn paths(columns: &[kube_ext::columns::PrinterColumn]) -> Vec<String> {
    ///     columns.iter().map(|column| column.json_path()).collect()
    /// }
    /// ```
    pub fn json_path(&self) -> String {
        let mut path = String::new();
        for key in self.keys {
            path.push('.');
            for letter in key.chars() {
                // What ends a name in `k8s.io/client-go/third_party/forked/golang/template` and its parser.
                if matches!(letter, '.' | ',' | '[' | ']' | '$' | '@' | '{' | '}' | ' ' | '\\') {
                    path.push('\\');
                }
                let _ = path.write_char(letter);
            }
        }
        path
    }

    /// Its cell as kubectl prints it; empty if there is nothing of its type.
    fn cell(&self, object: &Value, now: DateTime<Utc>) -> String {
        let value = self.keys.iter().try_fold(object, |value, key| value.get(key));
        match value.map(|value| cell::of_type(self.of_type, value, now)) {
            None | Some(Value::Null) => String::new(),
            Some(cell) => table::value::sprint(&cell),
        }
    }
}

/// A custom resource whose columns are told once, by `#[derive(Columns)]`: [`Columns`] gives its cells, and this its definition the same
/// columns.
///
/// The derive stands on the struct that has the fields, and `of` names the resource that kube makes of it. Each `#[column]` has a name and a path
/// by the names of the JSON, which is checked when the program is compiled. `#[wide_column]` is one
/// that only shows in wide output, and `description` says what it tells. A name in a map is `metadata.labels["app"]`; `rust = "spec.theField"`
/// is the same path by the names of Rust, where they do not follow from those of the JSON.
///
/// The type of a column follows from that of the field:
///
/// | the field | the column |
/// | --- | --- |
/// | `String`, `Box<str>`, `Arc<str>`, `Quantity`, `IntOrString` | `string` |
/// | integers of up to 64 bits | `integer` |
/// | `f32`, `f64` | `number` |
/// | `bool` | `boolean` |
/// | `Time`, `MicroTime`, `DateTime<Utc>`; the cell is an age | `date` |
/// | `Option`, `Box` and `Arc` of these | the same |
/// | any other, with `type = string` beside the path: your own enums, lists and structs | `string` |
///
/// A server shows whatever is there in a column of strings: of an enum its name, of a list or a struct its JSON.
///
/// The first column is always the name, as the server has it. Cells equal those of the server
/// (`k8s.io/apiextensions-apiserver/pkg/registry/customresource/tableconvertor`, Kubernetes 1.36) and kubectl's text of them.
///
/// ```
/// use kube::{CustomResource, CustomResourceExt};
/// use kube_ext::columns::{Columns, PrinterColumns};
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(CustomResource, Columns, Clone, Debug, Deserialize, Serialize, JsonSchema)]
/// #[kube(group = "example.com", version = "v1", kind = "Shirt", namespaced)]
/// #[columns(of = Shirt)]
/// #[column(name = "Color", path = "spec.color")]
/// #[wide_column(name = "Size", path = "spec.size", description = "In centimetres")]
/// #[column(name = "Fit", path = "spec.fit", type = string)]
/// #[column(name = "Age", path = "metadata.creationTimestamp")]
/// struct ShirtSpec {
///     color: String,
///     size: Option<i32>,
///     fit: Fit,
/// }
///
/// #[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
/// enum Fit {
///     Slim,
///     Regular,
/// }
///
/// let shirt = Shirt::new("a", ShirtSpec { color: "blue".into(), size: Some(40), fit: Fit::Slim });
/// assert_eq!(shirt.cells()[..4], ["a", "blue", "40", "Slim"]);
///
/// let mut crd = Shirt::crd();
/// Shirt::put_printer_columns(&mut crd);
/// let columns = crd.spec.versions[0].additional_printer_columns.as_deref().unwrap_or_default();
/// assert_eq!((columns[1].json_path.as_str(), columns[1].type_.as_str()), (".spec.size", "integer"));
/// ```
pub trait PrinterColumns: Columns + Resource<DynamicType = ()> {
    /// Its columns behind the name.
    ///
    /// ```
    /// fn names<K: kube_ext::columns::PrinterColumns>() -> Vec<&'static str> {
    ///     K::printer_columns().iter().map(|column| column.name).collect()
    /// }
    /// ```
    fn printer_columns() -> &'static [PrinterColumn];

    /// The same for a version of a definition.
    ///
    /// ```
    /// fn is_wide<K: kube_ext::columns::PrinterColumns>() -> bool {
    ///     K::additional_printer_columns().iter().any(|column| column.priority.is_some())
    /// }
    /// ```
    fn additional_printer_columns() -> Vec<CustomResourceColumnDefinition> {
        let columns = Self::printer_columns().iter().map(|column| CustomResourceColumnDefinition {
            name: column.name.to_owned(),
            type_: column.of_type.to_owned(),
            json_path: column.json_path(),
            priority: (column.priority != 0).then(|| column.priority.into()),
            description: column.description.map(ToOwned::to_owned),
            format: None,
        });
        columns.collect()
    }

    /// Puts them into a definition, in place of what the version of this type has there. Other versions are left alone.
    ///
    /// ```
    /// use kube::CustomResourceExt;
    /// use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
    ///
    /// fn definition<K: CustomResourceExt + kube_ext::columns::PrinterColumns>() -> CustomResourceDefinition {
    ///     let mut crd = K::crd();
    ///     K::put_printer_columns(&mut crd);
    ///     crd
    /// }
    /// ```
    fn put_printer_columns(crd: &mut CustomResourceDefinition) {
        let own = Self::version(&());
        for version in crd.spec.versions.iter_mut().filter(|version| version.name == own) {
            version.additional_printer_columns = Some(Self::additional_printer_columns());
        }
    }
}

/// The type of a column for fields of this type.
#[diagnostic::on_unimplemented(
    message = "no column can show `{Self}`",
    label = "strings, numbers, truth values, times, quantities can be shown",
    note = "`type = string` beside the path shows any value as text"
)]
pub trait Printed {
    /// `string`, `integer`, `number`, `boolean` or `date`.
    const TYPE: &'static str;
}

macro_rules! printed {
    ($($name:literal => $($of:ty)*;)*) => { $($(impl Printed for $of { const TYPE: &'static str = $name; })*)* };
}

// A server shows a quantity and an `IntOrString` in a column of strings, and would leave that of another type empty where they are none of it.
printed! {
    "string" => String Box<str> std::sync::Arc<str> Quantity IntOrString;
    "integer" => i8 i16 i32 i64 isize u8 u16 u32 u64 usize;
    "number" => f32 f64;
    "boolean" => bool;
    "date" => Time MicroTime DateTime<Utc>;
}

/// The cells of an object: its name, and those of columns.
#[doc(hidden)]
pub fn cells<K>(object: &K, columns: &[PrinterColumn], now: DateTime<Utc>) -> Vec<String>
where
    K: Resource + Serialize,
{
    let name = object.meta().name.clone().unwrap_or_default();
    // By way of the text, which is what a server gets: a float of 32 bits is another number as one of 64. What cannot be written as JSON is no
    // object of a server.
    let text = serde_json::to_string(object).unwrap_or_default();
    let value = serde_json::from_str(&text).unwrap_or_default();
    std::iter::once(name).chain(columns.iter().map(|column| column.cell(&value, now))).collect()
}
