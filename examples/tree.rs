//! What an object owns, or its owners, as a tree: `cargo run --example tree -- deploy/web`.
use std::{
    error::Error,
    io::{IsTerminal as _, stdout},
    process::ExitCode,
    time::Duration,
};

use clap::{Parser, ValueEnum};
use futures::{FutureExt as _, StreamExt as _};
use kube_ext::owners::{Builder, Follow, Gap, Kind, Kinds, NodeIndex, OwnerGraph, Relation, Tree};
use kube_ext_examples::{ClusterArgs, Connection, Failure, print};
use tokio::time::sleep;

/// What happens within this time is shown at once.
const PAUSE: Duration = Duration::from_millis(200);
/// Clears a terminal, and begins at its top.
const CLEAR: &str = "\x1b[2J\x1b[H";

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
    /// With what the objects have to do beside what they own: nodes, volumes, service accounts and so on.
    #[arg(long)]
    relations: bool,
    /// Show it again whenever something changes, until the program is stopped.
    #[arg(short, long)]
    watch: bool,
    /// Without READY, REASON and STATUS, for which whole objects are read.
    #[arg(long)]
    no_status: bool,
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
        if self.relations {
            builder = builder.relations(Relation::all());
        }
        if self.watch && !self.no_status {
            builder = builder.status();
        }
        if self.all_namespaces || object.is_some_and(|object| !object.kind.is_namespaced) {
            builder
        } else {
            builder.namespace(namespace)
        }
    }

    /// Where the trees begin.
    fn starts(
        &self,
        graph: &OwnerGraph,
        object: Option<&Object>,
        namespace: &str,
    ) -> Result<Vec<NodeIndex>, Failure> {
        object.map_or_else(|| Ok(graph.roots()), |object| Ok(vec![object.find(graph, namespace)?]))
    }

    fn tree<'g>(&self, graph: &'g OwnerGraph, index: NodeIndex) -> Tree<'g> {
        let tree = graph.tree(index);
        let tree = if self.up { tree.up() } else { tree };
        if self.relations { tree.relations() } else { tree }
    }

    fn nodes(&self, graph: &OwnerGraph, starts: &[NodeIndex]) -> Vec<NodeIndex> {
        starts.iter().flat_map(|index| self.tree(graph, *index).nodes()).collect()
    }

    /// What is to be seen of some objects.
    fn text(&self, graph: &OwnerGraph, starts: &[NodeIndex]) -> Result<String, Failure> {
        let picture = || graph.picture(self.nodes(graph, starts));
        match self.output {
            Output::Tree if starts.is_empty() => {
                Ok("No resources are owned by others through ownerReferences.\n".to_owned())
            }
            Output::Tree => {
                let trees = starts.iter().map(|index| self.table(&self.tree(graph, *index)));
                Ok(trees.collect::<Vec<_>>().join("\n"))
            }
            Output::Dot => Ok(picture().dot()),
            Output::Mermaid => Ok(picture().mermaid()),
            Output::Json => {
                serde_json::to_string_pretty(&picture().json()).map(|text| text + "\n").map_err(failure)
            }
        }
    }

    fn table(&self, tree: &Tree<'_>) -> String {
        if tree.nodes().len() > 1 {
            format!("{tree}\n")
        } else if self.up {
            "No resources own this object through ownerReferences.\n".to_owned()
        } else {
            "No resources are owned by this object through ownerReferences.\n".to_owned()
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
    let mut graph = args.builder(kinds, object.as_ref(), namespace).load().await.map_err(failure)?;
    tell(graph.gaps());
    let starts = args.starts(&graph, object.as_ref(), namespace)?;
    if args.watch {
        return watch(args, graph.follow(), object.as_ref(), namespace).await;
    }
    if !args.no_status && matches!(args.output, Output::Tree | Output::Json) {
        let nodes = args.nodes(&graph, &starts);
        tell(&graph.load_status(nodes).await);
    }
    print(&args.text(&graph, &starts)?)
}

/// Shows it again whenever it is another one.
async fn watch(
    args: &Args,
    mut follow: Follow,
    object: Option<&Object>,
    namespace: &str,
) -> Result<(), Failure> {
    let (mut shown, mut told) = (None, String::new());
    loop {
        let graph = follow.graph();
        let gaps = graph.gaps().iter().map(|gap| format!("{gap}\n")).collect::<String>();
        if shown.is_some() && gaps != told {
            eprint!("{gaps}");
        }
        told = gaps;
        let starts = args.starts(graph, object, namespace);
        let text = match starts.and_then(|starts| args.text(graph, &starts)) {
            Ok(text) => text,
            Err(Failure(why)) => why + "\n",
        };
        if shown.as_ref() != Some(&text) {
            let before = match shown {
                _ if stdout().is_terminal() => CLEAR,
                Some(_) => "\n",
                None => "",
            };
            print(&format!("{before}{text}"))?;
            shown = Some(text);
        }
        if follow.next().await.is_none() {
            return Ok(());
        }
        sleep(PAUSE).await;
        while let Some(Some(_)) = follow.next().now_or_never() {}
    }
}

fn tell(gaps: &[Gap]) {
    gaps.iter().for_each(|gap| eprintln!("{gap}"));
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
