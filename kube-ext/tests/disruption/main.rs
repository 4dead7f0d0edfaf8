//! What a cluster does not do to a program every day: its API server is restarted, in the middle of what the tests do.
//!
//! `cargo test -p kube-ext --test disruption` runs these against the cluster of the current kubeconfig context, and needs
//! `KUBE_EXT_TEST_RESTART`: a shell command that restarts the API server and returns when it is ready. `.ci/cluster` has one.
//! No other test is to use that cluster meanwhile.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::large_futures,
    reason = "a test fails by panicking"
)]

#[path = "../cluster/cluster.rs"]
mod cluster;
mod exec;
mod logs;
#[path = "../cluster/node.rs"]
#[allow(dead_code, reason = "these tests need less of it")]
mod node;
#[path = "../cluster/exec/proxy.rs"]
#[allow(dead_code, reason = "these tests need less of it")]
mod proxy;
mod restart;
#[path = "../cluster/row.rs"]
#[allow(dead_code, reason = "these tests need less of it")]
mod row;
#[path = "../cluster/exec/setup.rs"]
#[allow(dead_code, reason = "these tests need less of it")]
mod setup;
#[path = "../cluster/support.rs"]
#[allow(dead_code, reason = "these tests need less of it")]
mod support;
