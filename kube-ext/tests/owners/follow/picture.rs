//! What there is to see of a graph.

use kube_ext::owners::{Node, OwnerGraph};

pub(crate) fn line(node: &Node) -> String {
    format!("{} {}/{}", node.kind(), node.namespace().unwrap_or("-"), node.name())
}

/// A node by what makes it one: no two have the same.
pub(crate) fn who(node: &Node) -> String {
    format!("{} {}", line(node), node.uid())
}

/// All that there is to see of a graph, in an order of its own.
pub(crate) fn picture(graph: &OwnerGraph) -> Vec<String> {
    let all = graph.as_petgraph();
    let nodes = all.node_weights().map(|node| {
        let (version, presence) = (&node.kind().resource.api_version, node.presence());
        format!("{} {version} {presence:?} deleting: {}", who(node), node.is_deleting())
    });
    let edges = all.edge_indices().map(|edge| {
        let (from, to) = all.edge_endpoints(edge).unwrap();
        format!("{} -> {}: {:?}", who(&graph[from]), who(&graph[to]), all[edge])
    });
    let mut lines: Vec<_> = nodes.chain(edges).collect();
    lines.sort();
    lines
}
