//! The crate against a real Kubernetes: the cluster of the current kubeconfig context.
//!
//! `cargo test -p kube-ext --test cluster` runs these; a plain `cargo test` does not, since it may run where there is no
//! cluster. They need a node that can run the image `kube-ext.local/tools:1` (see `.ci/cluster`) and `kubectl` 1.36.
//! Without a cluster they fail.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::large_futures,
    reason = "a test fails by panicking"
)]

mod cluster;
#[path = "../parity/compare.rs"]
mod compare;
mod cut_proxy;
mod exec;
#[path = "../parity/fake.rs"]
mod fake;
mod generate;
mod generate_kinds;
mod kubectl;
mod kubectl_on_fake;
#[path = "logs/on_node.rs"]
mod log_node;
mod logs;
#[path = "logs/kubelet/mod.rs"]
mod logs_of_kubelet;
mod many_pods;
mod node;
mod owners;
mod owners_by_role;
mod owners_collected;
mod owners_follow;
mod owners_relations;
mod owners_relations_tables;
mod owners_status;
#[path = "../parity/mod.rs"]
mod parity;
#[path = "parity.rs"]
mod parity_live;
#[path = "../owners/follow/picture.rs"]
mod picture;
mod printer_columns;
mod random_kinds;
mod random_pods;
#[path = "../parity/real.rs"]
mod real;
mod real_pods;
mod reflect;
mod reflect_by_role;
mod row;
mod runtime;
mod store;
mod store_compact;
mod support;
mod text;
mod writes;
mod written_kinds;
