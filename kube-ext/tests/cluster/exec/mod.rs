//! Commands in pods, and attaching, wherever there is a cluster: on a node, or where processes of this machine stand in for
//! those of a container.

mod access;
mod args;
mod attach;
mod codes;
mod containers;
mod input;
mod leftovers;
mod output;
pub(crate) mod setup;
