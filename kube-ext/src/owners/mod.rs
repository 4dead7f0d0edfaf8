//! Who owns whom: the owners of an object, and the graph of all objects of a cluster or a namespace.
//!
//! [`OwnersExt`] is on every resource and walks up: to its owners, its [controller](OwnersExt::controller_of), its
//! [first controller](OwnersExt::root_owner). [`OwnerGraph`] lists everything once, the metadata of it where that is enough, and knows the way up and down:
//! what a Deployment owns, what has lost its owner, why the garbage collector does not take an owner reference for one.
//!
//! Neither gives up: an owner that is gone, or may not be read, is an item of its own; a kind that cannot be listed is a [`Gap`], and the
//! rest is there. Both ask the server for its kinds once ([`Kinds`]), and never guess a plural.
//!
//! The rules are those of the garbage collector (`pkg/controller/garbagecollector`). A user needs `list` on what is to be in the graph,
//! and `get` on owners for the way up.

mod builder;
mod change;
mod claim;
mod edge;
mod error;
mod follow;
mod gap;
mod graph;
mod join;
mod kinds;
mod legacy;
mod list;
mod mentions;
mod node;
mod picture;
mod questions;
mod reading;
mod relation;
mod said;
mod select;
mod source;
mod status;
mod tree;
mod walk;

pub use petgraph::{self, graph::NodeIndex};

pub use self::{
    builder::Builder,
    change::Change,
    edge::{Edge, Flaw},
    error::{Cause, Error},
    follow::Follow,
    gap::Gap,
    graph::OwnerGraph,
    kinds::{Kind, Kinds},
    node::{Node, Presence},
    picture::Picture,
    relation::Relation,
    status::{NodeCondition, NodeStatus},
    tree::Tree,
    walk::{Owner, OwnersExt},
};
