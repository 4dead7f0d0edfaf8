//! A part of a graph for other programs: DOT, Mermaid and JSON.

use std::{collections::HashMap, fmt::Write as _};

use chrono::SecondsFormat;
use petgraph::{
    dot::{Config, Dot},
    graph::{DiGraph, NodeIndex},
};
use serde_json::{Value, json};

use super::{
    edge::Edge,
    graph::OwnerGraph,
    node::{Node, Presence},
};

/// Some of the nodes of a graph, and the edges between them, in a stable order.
///
/// ```
/// # use kube_ext::owners::{NodeIndex, OwnerGraph};
/// fn dot(graph: &OwnerGraph, web: NodeIndex) -> String {
///     graph.picture([web].into_iter().chain(graph.descendants(web))).dot()
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Picture<'g> {
    graph: DiGraph<&'g Node, &'g Edge>,
}

impl OwnerGraph {
    /// A picture of these nodes.
    ///
    /// ```
    /// # use kube_ext::owners::OwnerGraph;
    /// fn of_all(graph: &OwnerGraph) -> String {
    ///     graph.picture(graph.nodes()).mermaid()
    /// }
    /// ```
    pub fn picture(&self, nodes: impl IntoIterator<Item = NodeIndex>) -> Picture<'_> {
        let mut graph = DiGraph::new();
        let mut nodes =
            self.sorted(nodes.into_iter().filter(|index| self.as_petgraph().contains_node(*index)));
        nodes.dedup();
        let drawn: HashMap<_, _> =
            nodes.iter().map(|index| (*index, graph.add_node(&self[*index]))).collect();
        for index in nodes {
            for (other, edge) in self.dependents(index).into_iter().chain(self.relations(index)) {
                if let (Some(from), Some(to)) = (drawn.get(&index), drawn.get(&other)) {
                    graph.add_edge(*from, *to, edge);
                }
            }
        }
        Picture { graph }
    }
}

impl Picture<'_> {
    /// In the language of Graphviz. What is not there is dashed, and so are references that the garbage collector does not honour.
    ///
    /// ```
    /// # use kube_ext::owners::Picture;
    /// fn write(picture: &Picture<'_>) -> std::io::Result<()> {
    ///     std::fs::write("owners.dot", picture.dot())
    /// }
    /// ```
    pub fn dot(&self) -> String {
        let node = |_, (_, node): (NodeIndex, &&Node)| {
            let style = if is_solid(node) { "" } else { " style = dashed" };
            let place = node.namespace().map(|namespace| format!("\\n{}", quoted(namespace)));
            format!(
                "label = \"{}\\n{}{}\" shape = box{style}",
                quoted(&node.kind().resource.kind),
                quoted(node.name()),
                place.unwrap_or_default(),
            )
        };
        let edge = |_, edge: petgraph::graph::EdgeReference<'_, &Edge>| {
            let edge = edge.weight();
            let attributes = [
                label(**edge).map(|label| format!("label = \"{label}\"")),
                edge.flaw().map(|_| "style = dashed".to_owned()),
                edge.relation().map(|_| "color = gray40 fontcolor = gray40".to_owned()),
            ];
            attributes.into_iter().flatten().collect::<Vec<_>>().join(" ")
        };
        let config = [Config::NodeNoLabel, Config::EdgeNoLabel];
        format!("{:?}", Dot::with_attr_getters(&self.graph, &config, &edge, &node))
    }

    /// As a Mermaid flowchart, which GitHub shows in Markdown.
    ///
    /// ```
    /// # use kube_ext::owners::Picture;
    /// fn in_markdown(picture: &Picture<'_>) -> String {
    ///     format!("```mermaid\n{}```\n", picture.mermaid())
    /// }
    /// ```
    pub fn mermaid(&self) -> String {
        let mut text = "flowchart TD\n".to_owned();
        for index in self.graph.node_indices() {
            let node = self.graph[index];
            let namespace = node.namespace().map(|namespace| format!("<br>{}", escaped(namespace)));
            let (kind, name) = (escaped(&node.kind().resource.kind), escaped(node.name()));
            let _ =
                writeln!(text, "  n{}[\"{kind}<br>{name}{}\"]", index.index(), namespace.unwrap_or_default());
            if !is_solid(node) {
                let _ = writeln!(text, "  style n{} stroke-dasharray: 5 5", index.index());
            }
        }
        for edge in self.graph.edge_indices() {
            let Some((from, to)) = self.graph.edge_endpoints(edge) else { continue };
            let edge = self.graph[edge];
            let arrow = match (label(*edge), edge.flaw()) {
                (Some(label), Some(_)) => format!("-. \"{label}\" .->"),
                (Some(label), None) => format!("-- \"{label}\" -->"),
                _ => "-->".to_owned(),
            };
            let _ = writeln!(text, "  n{} {arrow} n{}", from.index(), to.index());
        }
        text
    }

    /// As JSON: `nodes` with what is known of each, and `edges`, `from` one `to` another by their places among the nodes.
    ///
    /// ```
    /// # use kube_ext::owners::Picture;
    /// fn count(picture: &Picture<'_>) -> usize {
    ///     picture.json()["nodes"].as_array().map_or(0, Vec::len)
    /// }
    /// ```
    pub fn json(&self) -> Value {
        let nodes = self.graph.node_weights().map(|node| {
            json!({
                "apiVersion": node.kind().resource.api_version,
                "kind": node.kind().resource.kind,
                "namespace": node.namespace(),
                "name": node.name(),
                "uid": node.uid(),
                "creationTimestamp": node.created().map(|time| time.to_rfc3339_opts(SecondsFormat::Secs, true)),
                "deleting": node.is_deleting(),
                "status": node.status().map(|status| json!({
                    "ready": status.ready(),
                    "text": status.text(),
                    "health": status.health().to_string(),
                    "message": status.message(),
                    "conditions": status.conditions().iter().map(|condition| json!({
                        "type": condition.type_,
                        "status": condition.status,
                        "reason": condition.reason,
                        "message": condition.message,
                    })).collect::<Value>(),
                })),
                "presence": match node.presence() {
                    Presence::Listed => "listed",
                    Presence::Gone => "gone",
                    Presence::Unknown => "unknown",
                    Presence::NoObject => "no object",
                },
            })
        });
        let edges = self.graph.edge_indices().filter_map(|index| {
            let (from, to) = self.graph.edge_endpoints(index)?;
            let edge = self.graph[index];
            Some(json!({
                "from": from.index(),
                "to": to.index(),
                "relation": edge.relation().map(|relation| relation.to_string()),
                "optional": edge.is_optional(),
                "controller": edge.is_controller(),
                "blockOwnerDeletion": edge.blocks_deletion(),
                "flaw": edge.flaw().map(|flaw| flaw.to_string()),
            }))
        });
        json!({"nodes": nodes.collect::<Value>(), "edges": edges.collect::<Value>()})
    }
}

fn label(edge: Edge) -> Option<String> {
    edge.label(edge.flaw().map(|flaw| flaw.to_string()))
}

/// It is an object that is there, or no object at all.
fn is_solid(node: &Node) -> bool {
    matches!(node.presence(), Presence::Listed | Presence::NoObject)
}

/// In a string of DOT.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// In a string of Mermaid.
fn escaped(text: &str) -> String {
    text.replace('#', "#35;").replace('"', "#quot;").replace('<', "#lt;").replace('>', "#gt;")
}
