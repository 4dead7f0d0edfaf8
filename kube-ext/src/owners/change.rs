//! What changes in a graph that is followed.

use petgraph::graph::NodeIndex;

use super::node::Node;

/// A change of a graph that is [followed](crate::owners::OwnerGraph::follow).
///
/// ```
/// use kube_ext::owners::{Change, OwnerGraph};
///
/// fn show(change: &Change, graph: &OwnerGraph) {
///     match change {
///         Change::Added(index) => println!("+ {}", graph[*index]),
///         Change::Modified(index) => println!("~ {}", graph[*index]),
///         Change::Deleted(_, node) => println!("- {node}"),
///         Change::Gaps => graph.gaps().iter().for_each(|gap| eprintln!("{gap}")),
///         _ => {}
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// An object has come.
    Added(NodeIndex),
    /// What the graph knows of an object has changed: its references or relations, its status, or that it is being deleted. Whether its owner
    /// is there is not its own: that comes as a change of the owner.
    Modified(NodeIndex),
    /// An object is gone, with what was known of it. Where others still speak of it, its node stays and is not listed any more; else
    /// its index may be that of another object next.
    Deleted(NodeIndex, Node),
    /// What could not be listed has changed ([`OwnerGraph::gaps`](crate::owners::OwnerGraph::gaps)).
    Gaps,
}
