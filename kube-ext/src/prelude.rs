//! The traits, nothing else: `use kube_ext::prelude::*;`.
