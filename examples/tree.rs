//! What an object owns, or its owners, as a tree: `cargo run --example tree -- deploy/web`.
use std::{error::Error, process::ExitCode};

use clap::{Parser, ValueEnum};
use kube_ext::owners::{Builder, Gap, Kind, Kinds, NodeIndex, OwnerGraph};
use kube_ext_examples::{ClusterArgs, Connection, Failure, print};

/// Shows what an object owns, as `kubectl tree` does; without an object, the trees of all that own something.
#[derive(Parser)]
#[command(name = "tree")]
struct Args {
    /// The object: KIND/NAME or KIND NAME.
    #[arg(value_name = "OBJECT", num_args = 1..=2)]
    object: Vec<String>,
    /// Its owners, not what it owns.
    #[arg(long, requires = "object")]
    up: bool,
    /// The namespace; that of the context if absent.
    #[arg(short, long)]
    namespace: Option<String>,
    /// Look in all namespaces, and at what is in none.
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// How it is shown.
    #[arg(short, long, value_enum, default_value_t = Output::Tree)]
    output: Output,
    /// Look at these kinds only, and that of the object.
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    kinds: Vec<String>,
    /// Do not look at these kinds.
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    exclude: Vec<String>,
    #[command(flatten)]
    cluster: ClusterArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// The table of kubectl tree.
    Tree,
    /// The language of Graphviz.
    Dot,
    /// A flowchart for Markdown.
    Mermaid,
    /// Nodes and edges.
    Json,
}

/// An object that is asked for.
struct Object {
    kind: Kind,
    name: String,
}

fn failure(err: impl Error) -> Failure {
    Failure(format!("error: {err}"))
}

impl Args {
    /// The kind and the name of the object, if there is one.
    fn object(&self) -> Result<Option<(&str, &str)>, Failure> {
        let words = match self.object.as_slice() {
            [] => return Ok(None),
            [one] => one.split_once('/'),
            [kind, name, ..] => Some((kind.as_str(), name.as_str())),
        };
        match words {
            Some((kind, name)) if [kind, name].iter().all(|it| !it.is_empty() && !it.contains('/')) => {
                Ok(Some((kind, name)))
            }
            _ => Err(Failure(format!(
                "error: {:?} is no object: KIND/NAME or KIND NAME is",
                self.object.join(" ")
            ))),
        }
    }

    /// How the graph is loaded. What an object in no namespace owns is anywhere.
    fn builder(&self, kinds: Kinds, object: Option<&Object>, namespace: &str) -> Builder {
        let mut builder = Builder::new(kinds).kinds(&self.kinds).exclude(&self.exclude);
        if let Some(object) = object
            && !self.kinds.is_empty()
        {
            builder = builder.kinds([object.kind.to_string()]);
        }
        if self.all_namespaces || object.is_some_and(|object| !object.kind.is_namespaced) {
            builder
        } else {
            builder.namespace(namespace)
        }
    }

    /// What is to be seen of some objects.
    fn text(&self, graph: &OwnerGraph, starts: &[NodeIndex]) -> Result<String, Failure> {
        let below = |index| if self.up { graph.ancestors(index) } else { graph.descendants(index) };
        let picture =
            || graph.picture(starts.iter().copied().chain(starts.iter().flat_map(|index| below(*index))));
        match self.output {
            Output::Tree if starts.is_empty() => {
                Ok("No resources are owned by others through ownerReferences.\n".to_owned())
            }
            Output::Tree => {
                let trees = starts.iter().map(|index| self.tree(graph, *index));
                Ok(trees.collect::<Vec<_>>().join("\n"))
            }
            Output::Dot => Ok(picture().dot()),
            Output::Mermaid => Ok(picture().mermaid()),
            Output::Json => {
                serde_json::to_string_pretty(&picture().json()).map(|text| text + "\n").map_err(failure)
            }
        }
    }

    fn tree(&self, graph: &OwnerGraph, index: NodeIndex) -> String {
        let tree = graph.tree(index);
        if self.up && graph.owners(index).is_empty() {
            "No resources own this object through ownerReferences.\n".to_owned()
        } else if self.up {
            format!("{}\n", tree.up())
        } else if graph.dependents(index).is_empty() {
            "No resources are owned by this object through ownerReferences.\n".to_owned()
        } else {
            format!("{tree}\n")
        }
    }
}

impl Object {
    fn find(&self, graph: &OwnerGraph, namespace: &str) -> Result<NodeIndex, Failure> {
        let Self { kind, name } = self;
        let kind_name = kind.to_string();
        let namespace = Some(namespace).filter(|_| kind.is_namespaced);
        let is_missing =
            |gap: &Gap| gap.what == kind_name && (gap.only.is_none() || gap.only.as_deref() != namespace);
        graph.find(&kind_name, namespace, name).ok_or_else(|| {
            let place = namespace.map(|namespace| format!(" in namespace {namespace}")).unwrap_or_default();
            let why =
                if graph.gaps().iter().any(is_missing) { "could not be looked for" } else { "not found" };
            Failure(format!("error: {kind_name} {name:?} {why}{place}"))
        })
    }
}

async fn run(args: &Args) -> Result<(), Failure> {
    let words = args.object()?;
    let connection = args.cluster.connect(args.namespace.as_deref()).await?;
    let Connection { client, namespace, .. } = &connection;
    let kinds = Kinds::new(client.clone());
    let object = match words {
        Some((kind, name)) => {
            let kind = kinds.find(kind).await.map_err(failure)?;
            if let Some(excluded) = args.exclude.iter().find(|excluded| kind.is_called(excluded)) {
                return Err(Failure(format!("error: {name} is of {kind}, and --exclude={excluded} is set")));
            }
            Some(Object { kind, name: name.to_owned() })
        }
        None => None,
    };
    let graph = args.builder(kinds, object.as_ref(), namespace).load().await.map_err(failure)?;
    for gap in graph.gaps() {
        eprintln!("{gap}");
    }
    let starts = match &object {
        Some(object) => vec![object.find(&graph, namespace)?],
        None => graph.roots(),
    };
    print(&args.text(&graph, &starts)?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(&Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}
