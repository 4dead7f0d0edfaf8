//! `#[derive(Columns)]`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Attribute, DeriveInput, Error, Ident, LitStr, Path, Result, Type};

use crate::slim::{
    check,
    path::{self, Step},
};

/// A column that only shows in wide output. It has an attribute of its own rather than a word that several columns would have, which clippy would take
/// for a mistake.
const WIDE: &str = "wide_column";

/// A column, as an attribute tells it.
struct Column {
    name: LitStr,
    path: LitStr,
    steps: Vec<Step>,
    rust: Option<Vec<Step>>,
    priority: u8,
    description: Option<LitStr>,
    /// Whether it shows its value as text, of whatever type it is.
    is_text: bool,
}

pub(super) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let (of, library) = resource(input)?;
    let is_column =
        |attribute: &&Attribute| ["column", WIDE].iter().any(|name| attribute.path().is_ident(name));
    let columns = input.attrs.iter().filter(is_column).map(Column::read).collect::<Result<Vec<_>>>()?;
    let shown = columns
        .iter()
        .map(|Column { name, priority, .. }| quote!(__kube_ext::Column { name: #name, priority: #priority }));
    let printed = columns.iter().map(Column::printed).collect::<Result<Vec<_>>>()?;
    Ok(quote! {
        #[allow(clippy::all, clippy::pedantic, unused_imports, unused_qualifications)]
        const _: () = {
            use #library::slim::private as __kube_ext;

            impl __kube_ext::Columns for #of {
                fn columns() -> &'static [__kube_ext::Column] {
                    const { &[__kube_ext::Column { name: "Name", priority: 0 }, #(#shown),*] }
                }

                fn cells_at(&self, now: __kube_ext::DateTime<__kube_ext::Utc>) -> __kube_ext::Vec<__kube_ext::String> {
                    __kube_ext::cells(self, <Self as __kube_ext::PrinterColumns>::printer_columns(), now)
                }
            }

            impl __kube_ext::PrinterColumns for #of {
                fn printer_columns() -> &'static [__kube_ext::PrinterColumn] {
                    use __kube_ext::{HasNames as _, Open as _};
                    static COLUMNS: __kube_ext::LazyLock<__kube_ext::Vec<__kube_ext::PrinterColumn>> =
                        __kube_ext::LazyLock::new(|| {
                            let root = __kube_ext::At::<'_, #of>::default();
                            __kube_ext::Vec::from([#(#printed),*])
                        });
                    &COLUMNS
                }
            }
        };
    })
}

/// The resource whose columns they are, and where the library is.
fn resource(input: &DeriveInput) -> Result<(Type, Path)> {
    let ident = &input.ident;
    let (mut of, mut library) = (syn::parse_quote!(#ident), syn::parse_quote!(::kube_ext));
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("columns")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("of") {
                of = meta.value()?.parse()?;
            } else if meta.path.is_ident("crate") {
                library = meta.value()?.parse()?;
            } else {
                return Err(
                    meta.error("these are `of = Resource` and `crate = path`; a column is #[column(..)]")
                );
            }
            Ok(())
        })?;
    }
    Ok((of, library))
}

impl Column {
    fn read(attribute: &Attribute) -> Result<Self> {
        let (mut name, mut path, mut rust, mut description) = (None, None, None, None);
        // A word rather than a text that several columns would have, as with `WIDE`.
        let mut of_type: Option<Ident> = None;
        let priority = u8::from(attribute.path().is_ident(WIDE));
        attribute.parse_nested_meta(|meta| {
            let text = |slot: &mut Option<LitStr>| meta.value()?.parse().map(|text| *slot = Some(text));
            match meta.path.get_ident().map(ToString::to_string).as_deref() {
                Some("name") => text(&mut name),
                Some("path") => text(&mut path),
                Some("rust") => text(&mut rust),
                Some("description") => text(&mut description),
                Some("type") => meta.value()?.parse().map(|word| of_type = Some(word)),
                _ => Err(meta.error("a column's are `name`, `path`, `description`, `type` and `rust`")),
            }
        })?;
        let missing = |what: &str| Error::new_spanned(attribute, format!("a column has a {what}"));
        let (name, path) = (name.ok_or_else(|| missing("name"))?, path.ok_or_else(|| missing("path"))?);
        let steps = path::read(&path)?;
        if steps.contains(&Step::Each) {
            return Err(Error::new_spanned(
                &path,
                "a column shows one value: there can be no [] in its path",
            ));
        }
        let rust = rust.map(|rust| path::same_shape(&steps, &rust)).transpose()?;
        if let Some(of_type) = of_type.as_ref().filter(|of_type| *of_type != "string") {
            return Err(Error::new_spanned(
                of_type,
                "the type of a column follows from that of its field; `type = string` shows any value as text",
            ));
        }
        Ok(Self { name, path, steps, rust, priority, description, is_text: of_type.is_some() })
    }

    fn printed(&self) -> Result<TokenStream> {
        let Self { name, steps, priority, .. } = self;
        let span = self.path.span();
        let keys = steps.iter().filter_map(Step::key);
        let way = check::steps(steps, self.rust.as_deref(), span)?;
        let none = || quote!(__kube_ext::Option::None);
        let description =
            self.description.as_ref().map_or_else(none, |text| quote!(__kube_ext::Option::Some(#text)));
        let of_type = if self.is_text {
            quote_spanned!(span => __kube_ext::any_text(at))
        } else {
            quote_spanned!(span => __kube_ext::column_type(at.open().unbox()))
        };
        let of_type = quote_spanned!(span => {
            let at = root;
            #way
            #of_type
        });
        Ok(quote!(__kube_ext::PrinterColumn::new(#name, #of_type, &[#(#keys),*], #priority, #description)))
    }
}
