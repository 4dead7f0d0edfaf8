//! Commands in pods, and attaching, wherever there is a cluster: on a node, or where processes of this machine stand in for
//! those of a container.

mod access;
mod args;
mod attach;
mod client;
mod codes;
mod containers;
mod cuts;
mod input;
mod leftovers;
mod output;
mod proxy;
pub(crate) mod setup;
