//! `#[derive(Slim)]`.

pub(crate) mod check;
mod input;
mod names;
pub(crate) mod path;
mod tree;

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::{DeriveInput, Error, Ident, Result};

use self::{
    input::{Field, Fold, Input, Metadata},
    path::Step,
    tree::{Place, Tree},
};

/// What `SlimMeta` takes of the metadata itself.
const METADATA: &[&str] =
    &["name", "namespace", "uid", "resourceVersion", "creationTimestamp", "ownerReferences"];

pub(super) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let name = &input.ident;
    let input = Input::read(input)?;
    let (tree, metadata) = plant(&input)?;
    let (of, library) = (&input.of, &input.library);
    let builder = builder(&input, &tree.object, metadata);
    let decode = decode(name, &input);
    let resource = input.metadata.as_ref().map(|Metadata { ident, .. }| resource(name, &input, ident));
    let checks = input.fields.iter().map(|field| check::path(field, of)).collect::<Result<Vec<_>>>()?;
    Ok(quote! {
        #[allow(clippy::all, clippy::pedantic, unused_imports, unused_qualifications)]
        const _: () = {
            use #library::slim::private as __kube_ext;
            #builder
            #decode
            #resource
            impl #library::slim::View<#of> for #name {}
            #[allow(dead_code)]
            fn checked(root: __kube_ext::At<'_, #of>) {
                use __kube_ext::{Compared as _, HasNames as _, Open as _};
                #(#checks)*
            }
        };
    })
}

/// The tree of all paths, and the place of the metadata.
fn plant(input: &Input) -> Result<(Tree<'_>, Option<usize>)> {
    let mut tree = Tree::default();
    for field in &input.fields {
        if let Some((path, _)) = &field.path {
            let place = tree.place(path);
            let takers = if field.fold == Fold::Count { &mut place.counts } else { &mut place.leaves };
            takers.push(field);
        }
    }
    if let Some(field) = tree.object.conflict() {
        let message = "another field is at a part of it: a value is decoded once, whole or in parts";
        return Err(Error::new(field.span, message));
    }
    let Some(Metadata { labels, .. }) = input.metadata else { return Ok((tree, None)) };
    let own = |key: &str| METADATA.contains(&key) || (labels && key == "labels");
    for field in &input.fields {
        let mut keys = field.path.iter().flat_map(|(path, _)| path.iter().map_while(Step::key));
        match (keys.next(), keys.next()) {
            (Some("metadata"), None) => {
                return Err(Error::new(field.span, "the metadata is decoded once: #[slim(metadata)] has it"));
            }
            (Some("metadata"), Some(key)) if own(key) => {
                let message = format!("metadata.{key} is decoded once, and in the SlimMeta of this struct");
                return Err(Error::new(field.span, message));
            }
            _ => (),
        }
    }
    let metadata = tree.place(&[Step::Field("metadata".to_owned())]).number;
    Ok((tree, Some(metadata)))
}

/// What collects the values of the fields on the way through the JSON.
fn builder(input: &Input, object: &Place<'_>, metadata: Option<usize>) -> TokenStream {
    let slots = input.fields.iter().map(|field| {
        let (slot, ty, fold) = (&field.slot, &field.ty, folder(&field.fold));
        let ty = if field.path.is_some() { quote!(__kube_ext::#fold<#ty>) } else { quote!(#ty) };
        quote_spanned!(field.span => #slot: #ty)
    });
    let places = object.all();
    let children = places.iter().flat_map(|place| {
        let number = place.number;
        let children = place.children.iter();
        children.map(move |(key, Place { number: child, .. })| {
            quote!((#number, #key) => __kube_ext::Option::Some(#child))
        })
    });
    let shapes = places.iter().map(|place| {
        let number = place.number;
        let shape = match (place.each.as_deref(), place.takers()) {
            (Some(Place { number: each, .. }), _) => quote!(List(#each)),
            (None, Some(_)) => quote!(Value),
            (None, None) => quote!(Object),
        };
        quote!(#number => __kube_ext::Shape::#shape)
    });
    let takes = places.iter().filter_map(|place| Some(take(place.number, &place.takers()?)));
    let counts =
        places.iter().filter(|place| place.takers().is_none() && !place.counts.is_empty()).map(|place| {
            let (number, slots) = (place.number, place.counts.iter().map(|field| &field.slot));
            quote!(#number => { #(__kube_ext::Fold::count(&mut self.#slots);)* })
        });
    let (metadata_place, metadata_slot) = match (metadata, &input.metadata) {
        (Some(place), Some(Metadata { slot, labels, .. })) => {
            (quote!(Some((#place, #labels))), quote!(Some(&mut self.#slot)))
        }
        _ => (quote!(None), quote!(None)),
    };
    quote! {
        #[derive(Default)]
        struct __SlimBuilder { #(#slots),* }

        impl __kube_ext::Builder for __SlimBuilder {
            const METADATA: __kube_ext::Option<(usize, bool)> = __kube_ext::Option::#metadata_place;

            fn child(place: usize, key: &str) -> __kube_ext::Option<usize> {
                match (place, key) { #(#children,)* _ => __kube_ext::Option::None }
            }

            fn shape(place: usize) -> __kube_ext::Shape {
                match place { #(#shapes,)* _ => __kube_ext::Shape::Value }
            }

            fn take<'de, D: __kube_ext::Deserializer<'de>>(
                &mut self, place: usize, value: D,
            ) -> __kube_ext::Result<(), D::Error> {
                match place { #(#takes,)* _ => __kube_ext::skip(value) }
            }

            fn count(&mut self, place: usize) {
                match place { #(#counts)* _ => () }
            }

            fn metadata(&mut self) -> __kube_ext::Option<&mut __kube_ext::SlimMeta> {
                __kube_ext::Option::#metadata_slot
            }
        }
    }
}

fn folder(fold: &Fold) -> Ident {
    let name = match fold {
        Fold::One => "One",
        Fold::All => "All",
        Fold::First => "First",
        Fold::Sum => "Sum",
        Fold::Count => "Count",
        Fold::Any => "Any",
        Fold::Join(_) => "Join",
    };
    format_ident!("{name}")
}

/// A value is given to its field; one that several want is kept for them.
fn take(place: usize, takers: &[&Field]) -> TokenStream {
    let add = |field: &Field, value: TokenStream| {
        let slot = &field.slot;
        if let Fold::Join(separator) = &field.fold {
            quote_spanned!(field.span => self.#slot.join(#value, #separator))
        } else {
            quote_spanned!(field.span => __kube_ext::Fold::add(&mut self.#slot, #value))
        }
    };
    if let [field] = takers {
        let add = add(field, quote!(value));
        return quote!(#place => #add);
    }
    let adds = takers.iter().map(|field| {
        let add = add(field, quote!(&value));
        quote!(#add.map_err(__kube_ext::custom)?;)
    });
    quote! {
        #place => {
            let value: __kube_ext::Value = __kube_ext::Deserialize::deserialize(value)?;
            #(#adds)*
            __kube_ext::Result::Ok(())
        }
    }
}

fn decode(name: &Ident, input: &Input) -> TokenStream {
    let values = input.fields.iter().map(|field| {
        let Field { slot, ident, .. } = field;
        let value = if field.path.is_some() {
            quote_spanned!(field.span => __kube_ext::Fold::value(builder.#slot))
        } else {
            quote!(builder.#slot)
        };
        quote!(#ident: #value)
    });
    quote! {
        impl<'de> __kube_ext::Deserialize<'de> for #name {
            fn deserialize<D: __kube_ext::Deserializer<'de>>(object: D) -> __kube_ext::Result<Self, D::Error> {
                let builder: __SlimBuilder = __kube_ext::build(object)?;
                __kube_ext::Result::Ok(Self { #(#values),* })
            }
        }
    }
}

fn resource(name: &Ident, input: &Input, metadata: &Ident) -> TokenStream {
    let (of, library) = (&input.of, &input.library);
    let words = ["kind", "group", "version", "api_version", "plural"].map(|word| {
        let word = format_ident!("{word}");
        quote! {
            fn #word(dynamic: &Self::DynamicType) -> __kube_ext::Cow<'_, str> {
                <#of as __kube_ext::Resource>::#word(dynamic)
            }
        }
    });
    quote! {
        impl __kube_ext::Resource for #name {
            type DynamicType = <#of as __kube_ext::Resource>::DynamicType;
            type Scope = <#of as __kube_ext::Resource>::Scope;
            #(#words)*
            fn url_path(dynamic: &Self::DynamicType, namespace: __kube_ext::Option<&str>) -> __kube_ext::String {
                <#of as __kube_ext::Resource>::url_path(dynamic, namespace)
            }
            fn metadata_api() -> bool {
                <#of as __kube_ext::Resource>::metadata_api()
            }
            fn meta(&self) -> &__kube_ext::ObjectMeta {
                self.#metadata.object_meta()
            }
            fn meta_mut(&mut self) -> &mut __kube_ext::ObjectMeta {
                self.#metadata.object_meta_mut()
            }
        }

        impl #library::slim::Slim for #name {
            type Of = #of;
            fn slim_meta(&self) -> &__kube_ext::SlimMeta {
                &self.#metadata
            }
            fn slim_meta_mut(&mut self) -> &mut __kube_ext::SlimMeta {
                &mut self.#metadata
            }
        }
    }
}
