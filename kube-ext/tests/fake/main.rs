//! The tests of `tests/cluster` that ask for no node and no kubectl, on clusters inside the process; and what only such a
//! cluster can be asked for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::large_futures,
    reason = "a test fails by panicking"
)]

mod bulk;
mod cluster;
mod log_node;
mod node;

#[path = "../cluster/cut_proxy.rs"]
mod cut_proxy;
#[path = "../cluster/exec/mod.rs"]
mod exec;
#[path = "../cluster/generate.rs"]
mod generate;
#[path = "../cluster/generate_kinds.rs"]
mod generate_kinds;
#[path = "../cluster/logs/mod.rs"]
mod logs;
#[path = "../cluster/many_pods.rs"]
mod many_pods;
#[path = "../cluster/owners.rs"]
mod owners;
#[path = "../cluster/owners_follow.rs"]
mod owners_follow;
#[path = "../cluster/owners_relations.rs"]
mod owners_relations;
#[path = "../cluster/owners_relations_tables.rs"]
mod owners_relations_tables;
#[path = "../cluster/owners_status.rs"]
mod owners_status;
#[path = "../owners/follow/picture.rs"]
mod picture;
#[path = "../cluster/printer_columns.rs"]
mod printer_columns;
#[path = "../cluster/random_kinds.rs"]
mod random_kinds;
#[path = "../cluster/random_pods.rs"]
mod random_pods;
#[path = "../cluster/reflect.rs"]
mod reflect;
#[path = "../cluster/row.rs"]
mod row;
#[path = "../cluster/runtime.rs"]
mod runtime;
#[path = "../cluster/store.rs"]
mod store;
#[path = "../cluster/store_compact.rs"]
mod store_compact;
#[path = "../cluster/support.rs"]
mod support;
#[path = "../cluster/writes.rs"]
mod writes;
#[path = "../cluster/written_kinds.rs"]
mod written_kinds;
