//! A tree as text, as `kubectl tree` prints it.

use std::{collections::HashSet, fmt};

use chrono::{DateTime, Utc};
use petgraph::graph::NodeIndex;

use super::{
    graph::OwnerGraph,
    node::{Flaw, Node, Presence},
};
use crate::time::Age;

/// What an object owns, or its owners, as a table to print.
///
/// It is laid out as by `kubectl tree` (`cmd/kubectl-tree/tree.go`), with the columns that metadata is enough for: NAMESPACE, NAME and AGE.
/// An object with several owners stands below each of them, and what is below it once; it says `(see above)` the other times, as
/// a circle does. Owners that are not there, and references that the garbage collector does not honour, say so behind the name.
///
/// ```
/// fn show(graph: &kube_ext::owners::OwnerGraph) {
///     for root in graph.roots() {
///         println!("{}", graph.tree(root));
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Tree<'g> {
    graph: &'g OwnerGraph,
    root: NodeIndex,
    now: DateTime<Utc>,
    up: bool,
}

impl OwnerGraph {
    /// What it owns as a tree, with ages as of now.
    ///
    /// ```
    /// # use kube_ext::owners::{NodeIndex, OwnerGraph};
    /// fn print(graph: &OwnerGraph, deployment: NodeIndex) {
    ///     println!("{}", graph.tree(deployment));
    /// }
    /// ```
    pub fn tree(&self, root: NodeIndex) -> Tree<'_> {
        self.tree_at(root, Utc::now())
    }

    /// The same, with ages as of a time.
    ///
    /// ```
    /// # use kube_ext::owners::{NodeIndex, OwnerGraph};
    /// fn text(graph: &OwnerGraph, deployment: NodeIndex, now: chrono::DateTime<chrono::Utc>) -> String {
    ///     graph.tree_at(deployment, now).to_string()
    /// }
    /// ```
    pub fn tree_at(&self, root: NodeIndex, now: DateTime<Utc>) -> Tree<'_> {
        Tree { graph: self, root, now, up: false }
    }
}

impl Tree<'_> {
    /// Its owners instead, each below what it owns.
    ///
    /// ```
    /// # use kube_ext::owners::{NodeIndex, OwnerGraph};
    /// fn print(graph: &OwnerGraph, pod: NodeIndex) {
    ///     println!("{}", graph.tree(pod).up());
    /// }
    /// ```
    #[must_use]
    pub fn up(mut self) -> Self {
        self.up = true;
        self
    }

    /// The lines of the table: without recursion, since a chain of owners can be long.
    fn rows(&self) -> Vec<[String; 3]> {
        let mut rows = vec![["NAMESPACE", "NAME", "AGE"].map(ToOwned::to_owned)];
        let mut seen = HashSet::new();
        let mut waiting = vec![Line { index: self.root, before: String::new(), branch: "", flaw: None }];
        while let Some(Line { index, before, branch, flaw }) = waiting.pop() {
            let Some(node) = self.graph.as_petgraph().node_weight(index) else { continue };
            let below = if self.up { self.graph.owners(index) } else { self.graph.dependents(index) };
            let is_new = seen.insert(index);
            let mut name = format!("{before}{branch}{node}");
            name.extend(note(node, flaw).map(|note| format!(" ({note})")));
            if !is_new && !below.is_empty() {
                name.push_str(" (see above)");
            }
            let age = node.created().map(|created| Age::new(self.now.signed_duration_since(created)));
            let age = age.unwrap_or(Age::UNKNOWN).to_string();
            rows.push([node.namespace().unwrap_or_default().to_owned(), name, age]);
            if !is_new {
                continue;
            }
            let before = before
                + match branch {
                    "" => "",
                    "├─" => "│ ",
                    _ => "  ",
                };
            // The last one first: they are taken from the end.
            for (place, (index, edge)) in below.into_iter().rev().enumerate() {
                let branch = if place == 0 { "└─" } else { "├─" };
                waiting.push(Line { index, before: before.clone(), branch, flaw: edge.flaw() });
            }
        }
        rows
    }
}

/// A line that is to be written.
struct Line {
    index: NodeIndex,
    /// What the branches above leave before it.
    before: String,
    branch: &'static str,
    flaw: Option<Flaw>,
}

/// What is to be said of a node, or of the reference that led to it.
fn note(node: &Node, flaw: Option<Flaw>) -> Option<String> {
    let of_node = match node.presence() {
        Presence::Listed => None,
        Presence::Gone => Some("gone".to_owned()),
        Presence::Unknown => Some("not listed".to_owned()),
    };
    // That of a node that is not there says no more.
    let of_reference = flaw.filter(|flaw| !matches!(flaw, Flaw::Gone | Flaw::Unlisted) || of_node.is_none());
    of_reference.map(|flaw| flaw.to_string()).or(of_node)
}

impl fmt::Display for Tree<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.rows();
        let mut widths = [0; 3];
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let [namespace, name, age] = widths;
        for (place, row) in rows.iter().enumerate() {
            let [in_namespace, named, aged] = row;
            let newline = if place == 0 { "" } else { "\n" };
            write!(f, "{newline}{in_namespace:namespace$}  {named:name$}  {aged:age$}")?;
        }
        Ok(())
    }
}
