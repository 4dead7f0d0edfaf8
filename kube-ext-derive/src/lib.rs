//! The derive macros of `kube-ext`, which gives them on: use them from there, with its feature `derive`. Their documentation
//! is that of [`kube_ext::slim`](https://docs.rs/kube-ext/latest/kube_ext/slim/).

mod columns;
mod slim;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// A typed view of a Kubernetes object that decodes the fields it names, and nothing else.
///
/// On the struct:
/// - `#[slim(of = Pod)]`: the type that it is a view of, from `k8s_openapi` or a custom resource of your own.
/// - `#[slim(crate = path::to::kube_ext)]`, where `kube_ext` has another name.
///
/// On each field, one of:
/// - `#[slim(metadata)]`: a `SlimMeta`. With it the struct is a `kube::Resource`; without it it is a part, for the fields of others.
///   `#[slim(metadata, labels)]` keeps the labels, too.
/// - `#[slim(path = "spec.nodeName")]`: what is there, by the names that the JSON has. `labels["app"]` is an entry of a map, and
///   `containers[]` all elements of a list, whose values the field collects.
/// - `fold = first`, `sum`, `count`, `any` or `join` beside a path with `[]`: one value of all; `separator = ", "` is what stands between
///   joined ones, a comma unless told otherwise. A sum stays at the end of the field's type.
/// - `rust = "spec.fooBar"`, beside a path: the same path with the names of the Rust fields, where they do not follow from those of
///   the JSON. Types of `k8s-openapi` have no such fields.
#[proc_macro_derive(Slim, attributes(slim))]
pub fn derive_slim(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    slim::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// The columns of a custom resource: its cells, and those of its definition. `kube_ext::columns::PrinterColumns` says how.
#[proc_macro_derive(Columns, attributes(columns, column, wide_column))]
pub fn derive_columns(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    columns::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
