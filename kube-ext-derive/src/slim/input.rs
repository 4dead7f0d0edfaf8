//! What the attributes of a struct and its fields say.

use proc_macro2::Span;
use quote::format_ident;
use syn::{
    Attribute, Data, DeriveInput, Error, Fields, Ident, LitStr, Path, Result, Type, ext::IdentExt as _,
    parse::ParseStream, spanned::Spanned as _,
};

use super::path::{self, Step};

/// The struct.
pub(super) struct Input {
    /// Of what it is a view.
    pub(super) of: Path,
    /// Where the library is.
    pub(super) library: Path,
    pub(super) fields: Vec<Field>,
    pub(super) metadata: Option<Metadata>,
}

/// The field that holds the metadata.
pub(super) struct Metadata {
    pub(super) ident: Ident,
    pub(super) slot: Ident,
    /// Whether labels are wanted.
    pub(super) labels: bool,
}

/// A field of it.
pub(super) struct Field {
    pub(super) ident: Ident,
    /// Where its value is until the object is whole.
    pub(super) slot: Ident,
    pub(super) ty: Type,
    /// Where the attribute is, for what is wrong with it.
    pub(super) span: Span,
    /// The path in the JSON, and the same one by the names in Rust, where they were told. None for metadata.
    pub(super) path: Option<(Vec<Step>, Option<Vec<Step>>)>,
    pub(super) fold: Fold,
}

/// What becomes of the values at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fold {
    /// There is one.
    One,
    /// All of them are kept.
    All,
    First,
    Sum,
    Count,
    Any,
    Join(String),
}

impl Input {
    pub(super) fn read(input: &DeriveInput) -> Result<Self> {
        let named = match &input.data {
            Data::Struct(data) => match &data.fields {
                Fields::Named(fields) => &fields.named,
                _ => return Err(Error::new_spanned(input, "Slim is for structs with named fields")),
            },
            _ => return Err(Error::new_spanned(input, "Slim is for structs")),
        };
        if !input.generics.params.is_empty() {
            return Err(Error::new_spanned(&input.generics, "Slim is for structs without parameters"));
        }
        let (of, library) = container(input)?;
        let fields = named.iter().map(Field::read).collect::<Result<Vec<_>>>()?;
        let mut metadata = None;
        for (field, labels) in fields.iter().filter(|(field, _)| field.path.is_none()) {
            let Field { ident, slot, .. } = field;
            let of = Metadata { ident: ident.clone(), slot: slot.clone(), labels: *labels };
            if metadata.replace(of).is_some() {
                return Err(Error::new(field.span, "there is one metadata of an object"));
            }
        }
        Ok(Self { of, library, fields: fields.into_iter().map(|(field, _)| field).collect(), metadata })
    }
}

fn container(input: &DeriveInput) -> Result<(Path, Path)> {
    let (mut of, mut library) = (None, syn::parse_quote!(::kube_ext));
    for attribute in slim(&input.attrs) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("of") {
                of = Some(meta.value()?.parse()?);
            } else if meta.path.is_ident("crate") {
                library = meta.value()?.parse()?;
            } else {
                return Err(meta.error("a struct's are `of = Type` and `crate = path`"));
            }
            Ok(())
        })?;
    }
    let missing = "of what is it a view? Such as #[slim(of = Pod)]";
    Ok((of.ok_or_else(|| Error::new(input.ident.span(), missing))?, library))
}

fn slim(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("slim"))
}

/// What a field's attributes hold so far.
#[derive(Default)]
struct Said {
    path: Option<LitStr>,
    rust: Option<LitStr>,
    fold: Option<Ident>,
    separator: Option<LitStr>,
    metadata: bool,
    labels: Option<Span>,
}

impl Field {
    /// The field, and whether it wants labels.
    fn read(field: &syn::Field) -> Result<(Self, bool)> {
        let ident = field.ident.clone().ok_or_else(|| Error::new_spanned(field, "it has no name"))?;
        let mut said = Said::default();
        for attribute in slim(&field.attrs) {
            attribute.parse_nested_meta(|meta| said.take(&meta))?;
        }
        let span = said.path.as_ref().map_or_else(|| field.span(), LitStr::span);
        let slot = format_ident!("of_{}", ident.unraw());
        let of = |path, fold| Self { ident: ident.clone(), slot, ty: field.ty.clone(), span, path, fold };
        match (&said.path, said.metadata) {
            (None, true) => said.no_more(false).map(|()| (of(None, Fold::One), said.labels.is_some())),
            (Some(path), false) => {
                let steps = path::read(path)?;
                let rust = said.rust.as_ref().map(|rust| path::same_shape(&steps, rust)).transpose()?;
                let fold = said.fold(&steps, path)?;
                said.no_more(true).map(|()| (of(Some((steps, rust)), fold), false))
            }
            (Some(path), true) => Err(Error::new_spanned(path, "it is either at a path or the metadata")),
            (None, false) => {
                Err(Error::new(ident.span(), "where is it? Such as #[slim(path = \"spec.nodeName\")]"))
            }
        }
    }
}

impl Said {
    fn take(&mut self, meta: &syn::meta::ParseNestedMeta<'_>) -> Result<()> {
        let text = |value: ParseStream<'_>| value.parse::<LitStr>();
        match meta.path.get_ident().map(ToString::to_string).as_deref() {
            Some("path") => self.path = Some(text(meta.value()?)?),
            Some("rust") => self.rust = Some(text(meta.value()?)?),
            Some("separator") => self.separator = Some(text(meta.value()?)?),
            Some("fold") => self.fold = Some(meta.value()?.parse()?),
            Some("metadata") => self.metadata = true,
            Some("labels") => self.labels = Some(meta.path.span()),
            _ => {
                return Err(
                    meta.error("a field's are `path`, `fold`, `separator`, `rust`, or `metadata`, `labels`")
                );
            }
        }
        Ok(())
    }

    fn fold(&self, steps: &[Step], path: &LitStr) -> Result<Fold> {
        let is_list = steps.contains(&Step::Each);
        let Some(fold) = &self.fold else { return Ok(if is_list { Fold::All } else { Fold::One }) };
        if !is_list {
            return Err(Error::new_spanned(
                path,
                "there is one value, and none to fold: no [] is in the path",
            ));
        }
        Ok(match fold.to_string().as_str() {
            "first" => Fold::First,
            "sum" => Fold::Sum,
            "count" => Fold::Count,
            "any" => Fold::Any,
            "join" => Fold::Join(self.separator.as_ref().map_or_else(|| ",".to_owned(), LitStr::value)),
            _ => return Err(Error::new_spanned(fold, "a fold is one of first, sum, count, any, join")),
        })
    }

    /// Whether nothing is left that means nothing here.
    fn no_more(&self, has_path: bool) -> Result<()> {
        let joins = self.fold.as_ref().is_some_and(|fold| fold == "join");
        match (&self.separator, self.labels, has_path) {
            (Some(separator), ..) if !joins => {
                Err(Error::new_spanned(separator, "only `fold = join` separates"))
            }
            (_, Some(labels), true) => {
                Err(Error::new(labels, "labels are of the metadata: #[slim(metadata, labels)]"))
            }
            (.., false) if self.fold.is_some() || self.rust.is_some() => {
                Err(Error::new_spanned(self.fold.as_ref(), "metadata is one value, and has no path"))
            }
            _ => Ok(()),
        }
    }
}
