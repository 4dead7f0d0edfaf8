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
        Fold::One | Fold::First => fits(ty, span),
        Fold::All => match holds(ty) {
            Holds::List(item) => fits(item, span),
            _ => itself(&quote_spanned!(span => <#ty as __kube_ext::IntoIterator>::Item), span),
        },
        Fold::Sum => quote_spanned!(span => __kube_ext::sums::<#ty, _>(at);),
        Fold::Count => quote_spanned!(span => __kube_ext::counts::<#ty>(); let _ = at;),
        Fold::Any => quote_spanned!(span => __kube_ext::is_any::<#ty, _>(at);),
        Fold::Join(_) => quote_spanned!(span => __kube_ext::joins::<#ty, _>(at);),
    };
    Ok(quote_spanned! {span => {
        let at = root;
        #steps
        let at = at.open().unbox();
        #fits
    }})
}

/// The way of a path from `at`, which is the object, to `at`, which is what is there.
pub(crate) fn steps(path: &[Step], rust: Option<&[Step]>, span: Span) -> Result<TokenStream> {
    let step = |(json, name): (&Step, &Step)| {
        Ok(match (json, name) {
            (Step::Field(json), Step::Field(name)) => {
                let of_json = names::rust(json);
                let follows = rust.is_none() || of_json == *name;
                let name = ident(if rust.is_some() { name } else { &of_json }, span)?;
                let spelled = (!follows || !names::is_kubernetes(json))
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

/// That a type reads what is there. It is looked into as far as its names go: that all others read themselves can be said of types, but not of
/// what they are made of.
fn fits(ty: &Type, span: Span) -> TokenStream {
    match holds(ty) {
        Holds::Perhaps(of) => {
            let fits = fits(of, span);
            quote_spanned!(span => let at = at.open(); #fits)
        }
        Holds::One(of) => {
            let fits = fits(of, span);
            quote_spanned!(span => let at = at.unbox(); #fits)
        }
        Holds::List(of) => {
            let fits = fits(of, span);
            quote_spanned!(span => let at = __kube_ext::each(at); #fits)
        }
        Holds::Map(key, of) => {
            let (key, fits) = (fits(key, span), fits(of, span));
            quote_spanned!(span => { let at = __kube_ext::keys(at); #key } let at = __kube_ext::values(at); #fits)
        }
        Holds::Itself => itself(&quote_spanned!(span => #ty), span),
    }
}

/// That a type reads what is there, or is its type.
fn itself(ty: &TokenStream, span: Span) -> TokenStream {
    quote_spanned!(span => __kube_ext::fits(__kube_ext::Pair::of::<#ty>(at).compared());)
}

/// What a type holds, which its name tells.
enum Holds<'a> {
    Perhaps(&'a Type),
    One(&'a Type),
    List(&'a Type),
    Map(&'a Type, &'a Type),
    Itself,
}

fn holds(ty: &Type) -> Holds<'_> {
    let path = match ty {
        Type::Group(group) => return holds(&group.elem),
        Type::Paren(paren) => return holds(&paren.elem),
        Type::Path(path) => path,
        _ => return Holds::Itself,
    };
    let Some(last) = path.path.segments.last() else { return Holds::Itself };
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return Holds::Itself };
    let types: Vec<_> = arguments
        .args
        .iter()
        .filter_map(|argument| if let GenericArgument::Type(of) = argument { Some(of) } else { None })
        .collect();
    match (last.ident.to_string().as_str(), &*types) {
        ("Option", [of]) => Holds::Perhaps(of),
        ("Vec", [of]) => Holds::List(of),
        ("Box", [Type::Slice(slice)]) => Holds::List(&slice.elem),
        // What has no size cannot be looked at alone.
        ("Box" | "Arc", [Type::Path(text)]) if text.path.is_ident("str") => Holds::Itself,
        ("Arc" | "Shared", [Type::Slice(_)]) => Holds::Itself,
        ("Box" | "Arc" | "Shared", [of]) => Holds::One(of),
        ("BTreeMap", [key, of]) | ("HashMap", [key, of, ..]) => Holds::Map(key, of),
        _ => Holds::Itself,
    }
}
