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
    let checks = input.fields.iter().map(|field| check::path(field, of));
    Ok(quote! {
        #[allow(clippy::all, clippy::pedantic, unused_imports, unused_qualifications)]
        const _: () = {
            use #library::slim::private;
            #builder
            #decode
            #resource
            impl #library::slim::View<#of> for #name {}
            #[allow(dead_code)]
            fn checked(root: private::At<'_, #of>) {
                use private::{Fits as _, HasNames as _, Open as _};
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
        let ty = if field.path.is_some() { quote!(private::#fold<#ty>) } else { quote!(#ty) };
        quote_spanned!(field.span => #slot: #ty)
    });
    let places = object.all();
    let children = places.iter().flat_map(|place| {
        let number = place.number;
        let children = place.children.iter();
        children.map(move |(key, Place { number: child, .. })| {
            quote!((#number, #key) => private::Option::Some(#child))
        })
    });
    let shapes = places.iter().map(|place| {
        let number = place.number;
        let shape = match (place.each.as_deref(), place.takers()) {
            (Some(Place { number: each, .. }), _) => quote!(List(#each)),
            (None, Some(_)) => quote!(Value),
            (None, None) => quote!(Object),
        };
        quote!(#number => private::Shape::#shape)
    });
    let takes = places.iter().filter_map(|place| Some(take(place.number, &place.takers()?)));
    let counts =
        places.iter().filter(|place| place.takers().is_none() && !place.counts.is_empty()).map(|place| {
            let (number, slots) = (place.number, place.counts.iter().map(|field| &field.slot));
            quote!(#number => { #(private::Fold::count(&mut self.#slots);)* })
        });
    let (metadata_place, metadata_slot) = match (metadata, &input.metadata) {
        (Some(place), Some(Metadata { slot, labels, .. })) => {
            (quote!(Some((#place, #labels))), quote!(Some(&mut self.#slot)))
        }
        _ => (quote!(None), quote!(None)),
    };
    quote! {
        #[derive(Default)]
        struct Builder { #(#slots),* }

        impl private::Builder for Builder {
            const METADATA: private::Option<(usize, bool)> = private::Option::#metadata_place;

            fn child(place: usize, key: &str) -> private::Option<usize> {
                match (place, key) { #(#children,)* _ => private::Option::None }
            }

            fn shape(place: usize) -> private::Shape {
                match place { #(#shapes,)* _ => private::Shape::Value }
            }

            fn take<'de, D: private::Deserializer<'de>>(
                &mut self, place: usize, value: D,
            ) -> private::Result<(), D::Error> {
                match place { #(#takes,)* _ => private::skip(value) }
            }

            fn count(&mut self, place: usize) {
                match place { #(#counts)* _ => () }
            }

            fn metadata(&mut self) -> private::Option<&mut private::SlimMeta> {
                private::Option::#metadata_slot
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
            quote_spanned!(field.span => private::Fold::add(&mut self.#slot, #value))
        }
    };
    if let [field] = takers {
        let add = add(field, quote!(value));
        return quote!(#place => #add);
    }
    let adds = takers.iter().map(|field| {
        let add = add(field, quote!(&value));
        quote!(#add.map_err(private::custom)?;)
    });
    quote! {
        #place => {
            let value: private::Value = private::Deserialize::deserialize(value)?;
            #(#adds)*
            private::Result::Ok(())
        }
    }
}

fn decode(name: &Ident, input: &Input) -> TokenStream {
    let values = input.fields.iter().map(|field| {
        let Field { slot, ident, .. } = field;
        let value = if field.path.is_some() {
            quote_spanned!(field.span => private::Fold::value(builder.#slot))
        } else {
            quote!(builder.#slot)
        };
        quote!(#ident: #value)
    });
    quote! {
        impl<'de> private::Deserialize<'de> for #name {
            fn deserialize<D: private::Deserializer<'de>>(object: D) -> private::Result<Self, D::Error> {
                let builder: Builder = private::build(object)?;
                private::Result::Ok(Self { #(#values),* })
            }
        }
    }
}

fn resource(name: &Ident, input: &Input, metadata: &Ident) -> TokenStream {
    let (of, library) = (&input.of, &input.library);
    let words = ["kind", "group", "version", "api_version", "plural"].map(|word| {
        let word = format_ident!("{word}");
        quote! {
            fn #word(dynamic: &Self::DynamicType) -> private::Cow<'_, str> {
                <#of as private::Resource>::#word(dynamic)
            }
        }
    });
    quote! {
        impl private::Resource for #name {
            type DynamicType = <#of as private::Resource>::DynamicType;
            type Scope = <#of as private::Resource>::Scope;
            #(#words)*
            fn url_path(dynamic: &Self::DynamicType, namespace: private::Option<&str>) -> private::String {
                <#of as private::Resource>::url_path(dynamic, namespace)
            }
            fn meta(&self) -> &private::ObjectMeta {
                self.#metadata.object_meta()
            }
            fn meta_mut(&mut self) -> &mut private::ObjectMeta {
                self.#metadata.object_meta_mut()
            }
        }

        impl #library::slim::Slim for #name {
            type Of = #of;
            fn slim_meta(&self) -> &private::SlimMeta {
                &self.#metadata
            }
        }
    }
}
