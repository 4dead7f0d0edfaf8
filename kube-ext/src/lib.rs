//! The layer above [`kube`]: what kubectl knows about an object, as extension traits on kube's own types.
//!
//! | you want | use | feature |
//! | --- | --- | --- |
//! | kubectl's STATUS, READY and RESTARTS of a pod, its containers, the one kubectl would pick | [`pod::PodExt`], [`pod::ContainerExt`] | |
//! | whether an object of any kind is what it is meant to be, as kstatus has it | [`health::Health`] | |
//! | the text of `kubectl get -o yaml` and `-o json` | [`yaml::Yaml`] | |
//! | manifests of many documents, read as kubectl reads them | [`yaml::manifests`] | |
//! | the server's cells for a resource | [`columns::Columns`] | |
//! | the age of something in kubectl's words | [`time::Age`] | |
//! | Kubernetes' timestamps as [`chrono`]'s | [`time::TimeExt`] | |
#![cfg_attr(
    feature = "ws",
    doc = "| a command in a container with its exit code, or attaching to one, like a local process | [`exec::ExecExt`] | `ws` |"
)]
#![cfg_attr(feature = "ws", doc = "| the same command in many pods | [`exec::run_all`] | `ws` |")]
#![cfg_attr(
    all(unix, feature = "tty"),
    doc = "| the terminal of your program for a command or a shell in a container | [`exec::Command::tty`], [`exec::ExecExt::shell`] | `tty` |"
)]
#![cfg_attr(
    feature = "runtime",
    doc = "| the logs of many pods as one stream, each line once across reconnects | [`logs::LogExt`] | `runtime` |"
)]
#![cfg_attr(
    feature = "runtime",
    doc = "| a list and a watch in the background that fill a store, and tell when it is ready, stale or refused | [`store::reflect()`] | `runtime` |"
)]
#![cfg_attr(
    feature = "runtime",
    doc = "| a watch's store without a second copy while a list comes again; rows in it instead of objects | [`store::WatchEventsExt`] | `runtime` |"
)]
#![cfg_attr(
    feature = "runtime",
    doc = "| a store of whole objects in less than a hundredth of the memory | [`store::CompactStore`] | `runtime` |"
)]
#![cfg_attr(
    feature = "client",
    doc = "| the owners of an object; who owns whom in a cluster, once or as it changes | [`owners::OwnersExt`], [`owners::OwnerGraph`] | `client` |"
)]
#![cfg_attr(
    feature = "client",
    doc = "| a client whose new connections do not wait for acknowledgements | [`client::nodelay`] | `client` |"
)]
#![cfg_attr(
    feature = "derive",
    doc = "| the columns of a custom resource told once: its cells, and those of its definition | [`columns::PrinterColumns`] | `derive` |"
)]
#![cfg_attr(
    feature = "derive",
    doc = "| a typed view that decodes the fields it names and keeps nothing else | [`slim::Slim`] | `derive` |"
)]
#![cfg_attr(
    feature = "fake",
    doc = "| an API server inside the process, with faults on demand | [`fake::FakeCluster`] | `fake` |"
)]
//!
//! Those without a feature are pure functions of an object: no client, no async, and whatever reads the clock has a twin
//! that takes it. The cargo features are kube's by name (`client`, `ws`, `runtime`) and turn these on in kube; `full` is all of
//! them, none is on by default. This crate picks no TLS stack, no version of k8s-openapi and no runtime.
//!
//! ```
//! use k8s_openapi::api::core::v1::Pod;
//! use kube_ext::prelude::*;
//!
//! let pod: Pod = serde_json::from_value(serde_json::json!({
//!     "metadata": {"name": "web-0", "namespace": "default", "creationTimestamp": "2026-07-22T12:00:00Z"},
//!     "spec": {"containers": [{"name": "app"}]},
//!     "status": {"phase": "Running", "containerStatuses": [{
//!         "name": "app", "image": "", "imageID": "", "ready": false, "restartCount": 7,
//!         "state": {"waiting": {"reason": "CrashLoopBackOff"}},
//!     }]},
//! }))?;
//!
//! assert_eq!(pod.status().to_string(), "CrashLoopBackOff");
//! assert_eq!(pod.cells_at("2026-07-22T12:05:03Z".parse()?)[..5], ["web-0", "0/1", "CrashLoopBackOff", "7", "5m3s"]);
//! assert!(pod.to_yaml()?.starts_with("apiVersion: v1\nkind: Pod\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What kubectl shows is taken from Kubernetes 1.36, and held against that: vectors, recorded answers of a real server,
//! and a live one.
#![cfg_attr(docsrs, feature(doc_cfg))]

// What the derive macros write names the crate.
#[cfg(feature = "derive")]
extern crate self as kube_ext;

#[cfg(feature = "client")]
pub mod client;
pub mod columns;
#[cfg(feature = "client")]
mod delays;
#[cfg(feature = "ws")]
pub mod exec;
#[cfg(feature = "fake")]
pub mod fake;
mod go_float;
pub mod health;
mod labels;
#[cfg(feature = "runtime")]
pub mod logs;
#[cfg(feature = "client")]
pub mod owners;
pub mod pod;
pub mod prelude;
#[cfg(feature = "client")]
mod server;
#[cfg(feature = "derive")]
pub mod slim;
#[cfg(feature = "runtime")]
pub mod store;
pub mod time;
pub mod yaml;

/// The examples of the README and the guides compile and hold.
#[cfg(doctest)]
mod guides {
    #[doc = include_str!("../../README.md")]
    mod readme {}
    #[cfg(feature = "fake")]
    #[doc = include_str!("../../docs/client.md")]
    mod client {}
    #[cfg(feature = "derive")]
    #[doc = include_str!("../../docs/columns.md")]
    mod columns {}
    #[cfg(all(feature = "fake", feature = "ws"))]
    #[doc = include_str!("../../docs/exec.md")]
    mod exec {}
    #[cfg(feature = "fake")]
    #[doc = include_str!("../../docs/fake.md")]
    mod fake {}
    #[doc = include_str!("../../docs/health.md")]
    mod health {}
    #[cfg(all(feature = "fake", feature = "runtime"))]
    #[doc = include_str!("../../docs/logs.md")]
    mod logs {}
    #[cfg(feature = "fake")]
    #[doc = include_str!("../../docs/owners.md")]
    mod owners {}
    #[doc = include_str!("../../docs/pods.md")]
    mod pods {}
    #[cfg(all(feature = "derive", feature = "fake", feature = "runtime"))]
    #[doc = include_str!("../../docs/slim.md")]
    mod slim {}
    #[cfg(all(feature = "derive", feature = "fake", feature = "runtime"))]
    #[doc = include_str!("../../docs/store.md")]
    mod store {}
    #[doc = include_str!("../../docs/time.md")]
    mod time {}
    #[doc = include_str!("../../docs/yaml.md")]
    mod yaml {}
}
