//! A tree as text, as `kubectl tree` prints it.

use std::{
    collections::HashSet,
    fmt::{self, Write as _},
};

use chrono::{DateTime, Utc};
use petgraph::graph::NodeIndex;

use super::{
    edge::{Edge, Flaw},
    graph::OwnerGraph,
    node::{Node, Presence},
    status::NodeStatus,
};
use crate::{columns::write_cell, time::Age};

/// What an object owns, or its owners, as a table to print.
///
/// It is laid out as by `kubectl tree` (`cmd/kubectl-tree/tree.go`): NAMESPACE, NAME and AGE, for which metadata is enough; with READY and REASON
/// of the condition `Ready`, and kstatus's STATUS, if the [status](Node::status) of any object of it is known.
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
    has_relations: bool,
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
        Tree { graph: self, root, now, up: false, has_relations: false }
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

    /// With [relations](OwnerGraph::relations) behind what is owned, but for those to something that is owned as well; and the relations of what they lead to; upwards with those that
    /// lead to it. What that owns is left out.
    ///
    /// ```
    /// # use kube_ext::owners::{NodeIndex, OwnerGraph};
    /// fn print(graph: &OwnerGraph, pod: NodeIndex) {
    ///     println!("{}", graph.tree(pod).relations());
    /// }
    /// ```
    #[must_use]
    pub fn relations(mut self) -> Self {
        self.has_relations = true;
        self
    }

    /// What is on it, from the top to the bottom, each once.
    ///
    /// ```
    /// # use kube_ext::owners::{NodeIndex, OwnerGraph};
    /// fn picture(graph: &OwnerGraph, web: NodeIndex) -> String {
    ///     graph.picture(graph.tree(web).relations().nodes()).mermaid()
    /// }
    /// ```
    pub fn nodes(&self) -> Vec<NodeIndex> {
        let mut seen = HashSet::new();
        self.rows().into_iter().map(|row| row.index).filter(|index| seen.insert(*index)).collect()
    }

    /// What is below a line.
    fn below(&self, index: NodeIndex, by: Option<&Edge>) -> Vec<(NodeIndex, &Edge)> {
        let mut below = match by.and_then(Edge::relation) {
            Some(_) => Vec::new(),
            None if self.up => self.graph.owners(index),
            None => self.graph.dependents(index),
        };
        if self.has_relations {
            let relations =
                if self.up { self.graph.relations_to(index) } else { self.graph.relations(index) };
            let owned: HashSet<_> = below.iter().map(|(index, _)| *index).collect();
            below.extend(relations.into_iter().filter(|(index, _)| !owned.contains(index)));
        }
        below
    }

    /// The lines of the table: without recursion, since a chain of owners can be long.
    fn rows(&self) -> Vec<Row<'_>> {
        let mut rows = Vec::new();
        let mut seen = HashSet::new();
        let mut waiting = vec![Line { index: self.root, above: None, by: None }];
        while let Some(Line { index, above, by }) = waiting.pop() {
            let Some(node) = self.graph.node(index) else { continue };
            let below = self.below(index, by);
            // What a relation leads to is shown without what it owns.
            let is_new = below.is_empty() || seen.insert((index, by.and_then(Edge::relation).is_some()));
            let mut name = node.to_string();
            name.extend(note(node, by).map(|note| format!(" ({note})")));
            if !is_new {
                name.push_str(" (see above)");
            }
            let age = node.created().map(|created| Age::new(self.now.signed_duration_since(created)));
            let (number, depth) = (rows.len(), above.as_ref().map_or(0, |above| above.depth));
            rows.push(Row {
                index,
                above,
                namespace: node.namespace().unwrap_or_default(),
                name: safe(&name),
                status: node.status(),
                age: age.unwrap_or(Age::UNKNOWN).to_string(),
            });
            if !is_new {
                continue;
            }
            // The last one first: they are taken from the end.
            for (place, (index, edge)) in below.into_iter().rev().enumerate() {
                let above = Above { number, depth: depth + 1, is_last: place == 0 };
                waiting.push(Line { index, above: Some(above), by: Some(edge) });
            }
        }
        rows
    }
}

/// A line that is to be written.
struct Line<'g> {
    index: NodeIndex,
    above: Option<Above>,
    /// What has led to it.
    by: Option<&'g Edge>,
}

/// What is to be said of a node, or of what led to it.
fn note(node: &Node, by: Option<&Edge>) -> Option<String> {
    let of_node = match node.presence() {
        Presence::Gone if by.is_some_and(|edge| edge.relation().is_some()) => Some("not there"),
        Presence::Gone => Some("gone"),
        Presence::Unknown => Some("not listed"),
        Presence::Listed | Presence::NoObject => None,
    };
    // That of a node that is not there says no more.
    let says_no_more = |flaw: &Flaw| matches!(flaw, Flaw::Gone | Flaw::Missing | Flaw::Unlisted);
    let flaw = by.and_then(Edge::flaw).filter(|flaw| of_node.is_none() || !says_no_more(flaw));
    let problem = flaw.map(|flaw| flaw.to_string()).or(of_node.map(ToOwned::to_owned));
    match by {
        Some(edge) => edge.label(problem),
        None => problem,
    }
}

/// A cell that does not command a terminal, as kubectl prints it: owner references may name anything.
fn safe(cell: &str) -> String {
    let mut safe = String::with_capacity(cell.len());
    write_cell(cell, &mut safe);
    safe
}

/// What a line of the table hangs on.
struct Above {
    /// The number of that line.
    number: usize,
    /// How far below the top this one is.
    depth: usize,
    /// Nothing else comes that hangs there.
    is_last: bool,
}

/// A line of the table.
struct Row<'g> {
    index: NodeIndex,
    above: Option<Above>,
    namespace: &'g str,
    /// Behind the branch.
    name: String,
    status: Option<&'g NodeStatus>,
    age: String,
}

impl Row<'_> {
    fn cells(&self, has_status: bool) -> Vec<String> {
        let mut cells = vec![safe(self.namespace), self.name.clone()];
        if has_status {
            let ready = self.status.and_then(|status| status.condition("Ready"));
            let (ready, reason) = ready.map_or(("", ""), |ready| (&*ready.status, &*ready.reason));
            let health = self.status.map(|status| status.health().to_string()).unwrap_or_default();
            cells.extend([safe(if ready.is_empty() { "-" } else { ready }), safe(reason), health]);
        }
        cells.push(self.age.clone());
        cells
    }

    /// How many characters are before the name.
    fn indent(&self) -> usize {
        self.above.as_ref().map_or(0, |above| 2 * above.depth)
    }

    /// What is there.
    fn branches(&self, rows: &[Self]) -> String {
        let mut parts = Vec::new();
        let mut above = self.above.as_ref();
        while let Some(it) = above {
            parts.push(match (parts.is_empty(), it.is_last) {
                (true, true) => "└─",
                (true, false) => "├─",
                (false, true) => "  ",
                (false, false) => "│ ",
            });
            above = rows.get(it.number).and_then(|row| row.above.as_ref());
        }
        parts.into_iter().rev().collect()
    }
}

/// Which column has the branches.
const NAME: usize = 1;

impl fmt::Display for Tree<'_> {
    /// A line is made when it is written: a long chain of owners takes more as a table than as lines.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.rows();
        let has_status = rows.iter().any(|row| row.status.is_some());
        let of_status = ["READY", "REASON", "STATUS"].into_iter().filter(|_| has_status);
        let header: Vec<_> = ["NAMESPACE", "NAME"]
            .into_iter()
            .chain(of_status)
            .chain(["AGE"])
            .map(ToOwned::to_owned)
            .collect();
        let mut widths: Vec<_> = header.iter().map(|cell| cell.chars().count()).collect();
        let table: Vec<_> = rows.iter().map(|row| row.cells(has_status)).collect();
        for (row, cells) in rows.iter().zip(&table) {
            for (place, (width, cell)) in widths.iter_mut().zip(cells).enumerate() {
                let indent = if place == NAME { row.indent() } else { 0 };
                *width = (*width).max(indent + cell.chars().count());
            }
        }
        write_line(f, &header, "", &widths)?;
        for (row, cells) in rows.iter().zip(&table) {
            f.write_char('\n')?;
            write_line(f, cells, &row.branches(&rows), &widths)?;
        }
        Ok(())
    }
}

/// Writes cells side by side. The widths may be more than those that `format!` takes, which end at 65,535.
fn write_line(f: &mut fmt::Formatter<'_>, cells: &[String], branches: &str, widths: &[usize]) -> fmt::Result {
    for (place, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let before = if place == NAME { branches } else { "" };
        write!(f, "{}{before}{cell}", if place == 0 { "" } else { "  " })?;
        let written = before.chars().count() + cell.chars().count();
        (written..*width).try_for_each(|_| f.write_char(' '))?;
    }
    Ok(())
}
