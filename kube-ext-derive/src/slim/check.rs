//! Code that is never run, and compiles only if a path is one of the type, and leads to what its field can hold.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::{Error, GenericArgument, Ident, Path, PathArguments, Result, Type};

use super::{
    input::{Field, Fold},
    names,
    path::Step,
};

pub(super) fn path(field: &Field, of: &Path) -> Result<TokenStream> {
    let (span, ty) = (field.span, &field.ty);
    let Some((path, rust)) = &field.path else {
        return Ok(quote_spanned! {span =>
            let _: __kube_ext::Is<#ty, __kube_ext::SlimMeta> = __kube_ext::Is::same();
            let _: __kube_ext::At<'_, #of> = root;
        });
    };
    let steps = steps(path, rust.as_deref(), span)?;
    let fits = match &field.fold {
        Fold::One | Fold::First => {
            let ty = inner(ty);
            fits(ty, &quote_spanned!(span => #ty), span)
        }
        Fold::All => {
            let item = arguments(ty).first().copied().unwrap_or(ty);
            fits(item, &quote_spanned!(span => <#ty as __kube_ext::IntoIterator>::Item), span)
        }
        Fold::Sum => quote_spanned!(span => __kube_ext::sums::<#ty, _>(at.open());),
        Fold::Count => quote_spanned!(span => __kube_ext::counts::<#ty>(); let _ = at;),
        Fold::Any => quote_spanned!(span => __kube_ext::is_any::<#ty, _>(at.open());),
        Fold::Join(_) => quote_spanned!(span => __kube_ext::joins::<#ty, _>(at.open());),
    };
    Ok(quote_spanned! {span => {
        let at = root;
        #steps
        #fits
    }})
}

/// The way of a path from `at`, which is the object, to `at`, which is what is there.
pub(crate) fn steps(path: &[Step], rust: Option<&[Step]>, span: Span) -> Result<TokenStream> {
    let step = |(json, name): (&Step, &Step)| {
        Ok(match (json, name) {
            (Step::Field(json), Step::Field(name)) => {
                let name = if rust.is_some() { ident(name, span)? } else { ident(&names::rust(json), span)? };
                let spelled = (rust.is_none() && !names::is_kubernetes(json))
                    .then(|| quote_spanned!(span => __kube_ext::spelled(at.names());));
                quote_spanned! {span =>
                    let at = at.open();
                    #spelled
                    let at = at.get(|object| &object.#name);
                }
            }
            (Step::Entry(_), _) => quote_spanned!(span => let at = __kube_ext::entry(at.open());),
            _ => quote_spanned!(span => let at = __kube_ext::each(at.open());),
        })
    };
    path.iter().zip(rust.unwrap_or(path)).map(step).collect()
}

fn ident(name: &str, span: Span) -> Result<Ident> {
    let parsed = syn::parse_str::<Ident>(name).or_else(|_| syn::parse_str(&format!("r#{name}")));
    let mut ident = parsed.map_err(|_| {
        Error::new(
            span,
            format!("no Rust field can be named {name:?}: `rust = \"..\"` beside the path has the names"),
        )
    })?;
    ident.set_span(span);
    Ok(ident)
}

/// That a type reads what is there. Where it is not that type itself for sure, one sentence says so if it does not.
fn fits(known: &Type, ty: &TokenStream, span: Span) -> TokenStream {
    if is_plain(known) {
        quote_spanned!(span => __kube_ext::reads::<#ty, _>(at.open());)
    } else {
        quote_spanned!(span => __kube_ext::Pair::of::<#ty>(at.open()).fits();)
    }
}

/// Whether it is a string, a number or a truth value, or made of such.
fn is_plain(ty: &Type) -> bool {
    let Type::Path(path) = ty else { return false };
    let Some(last) = path.path.segments.last() else { return false };
    let name = last.ident.to_string();
    let is_number =
        name.strip_prefix(['i', 'u', 'f']).is_some_and(|bits| bits == "size" || bits.parse::<u8>().is_ok());
    let arguments = arguments(ty);
    let is_made_of = !arguments.is_empty() && arguments.into_iter().all(is_plain);
    is_number || is_made_of || matches!(name.as_str(), "bool" | "String" | "str" | "Interned")
}

/// The types between the brackets of a type; of a slice, that of its elements.
fn arguments(ty: &Type) -> Vec<&Type> {
    let types = between(ty).map(|of| match of {
        Type::Slice(slice) => &*slice.elem,
        of => of,
    });
    types.collect()
}

fn between(ty: &Type) -> impl Iterator<Item = &Type> {
    let last = if let Type::Path(path) = ty { path.path.segments.last() } else { None };
    let arguments = match last.map(|last| &last.arguments) {
        Some(PathArguments::AngleBracketed(arguments)) => Some(arguments.args.iter()),
        _ => None,
    };
    arguments.into_iter().flatten().filter_map(|argument| match argument {
        GenericArgument::Type(of) => Some(of),
        _ => None,
    })
}

/// What is in an `Option` or a `Box`: what is not there is neither.
fn inner(ty: &Type) -> &Type {
    let Type::Path(path) = ty else { return ty };
    if !path.path.segments.last().is_some_and(|last| last.ident == "Option" || last.ident == "Box") {
        return ty;
    }
    match between(ty).next() {
        // `Box<str>` is a type of its own, as `Box<[T]>` is.
        Some(of @ Type::Path(path)) if !path.path.is_ident("str") => inner(of),
        _ => ty,
    }
}
