//! Extension traits for [`kube`]: what kubectl knows about an object, exactly as kubectl shows it.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod columns;
pub mod pod;
pub mod prelude;
pub mod time;
