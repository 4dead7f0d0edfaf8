//! `kubectl get pods`, with the output of kubectl: `cargo run --example get -- pods -A -o wide`.
use std::{
    fmt::Debug,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    process::ExitCode,
};

use chrono::{DateTime, Utc};
use clap::Parser;
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Resource, ResourceExt as _,
    api::{ListParams, WatchEvent, WatchParams},
    core::{ApiResource, DynamicObject, TypeMeta},
};
use kube_ext::{
    columns::Table,
    yaml::{self, Options, Yaml as _},
};
use kube_ext_examples::{ClusterArgs, Failure, get_failure, print, status_text, type_and_name};
use serde::de::DeserializeOwned;

/// How many objects are asked for at once, as kubectl does.
const PAGE: u32 = 500;

/// Shows pods as kubectl does.
#[derive(Parser)]
#[command(name = "get", args_override_self = true)]
#[expect(clippy::struct_excessive_bools, reason = "kubectl's flags, one each")]
struct Args {
    /// `pods`, `pods NAME...` or `pods/NAME...`.
    what: Vec<String>,
    /// The namespace; that of the context if absent.
    #[arg(short, long)]
    namespace: Option<String>,
    /// Pods of all namespaces.
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Only pods with these labels.
    #[arg(short = 'l', long)]
    selector: Option<String>,
    /// Only pods with these fields.
    #[arg(long)]
    field_selector: Option<String>,
    /// One of wide, yaml, json and name; a table if absent.
    #[arg(short, long, default_value = "", hide_default_value = true)]
    output: String,
    /// After listing, show every change.
    #[arg(short, long)]
    watch: bool,
    /// Show every change, without listing first.
    #[arg(long)]
    watch_only: bool,
    /// Leave the column names out.
    #[arg(long)]
    no_headers: bool,
    /// Show all labels as the last column.
    #[arg(long)]
    show_labels: bool,
    /// Show these labels as columns.
    #[arg(short = 'L', long, value_delimiter = ',')]
    label_columns: Vec<String>,
    /// Put the kind before the names.
    #[arg(long)]
    show_kind: bool,
    /// Keep `managedFields` in YAML and JSON.
    #[arg(long)]
    show_managed_fields: bool,
    /// Show the objects of a YAML or JSON file, or of standard input (`-`), instead of a cluster's.
    #[arg(short, long)]
    filename: Option<PathBuf>,
    /// The time by which ages are told (RFC 3339), instead of the clock.
    #[arg(long)]
    now: Option<DateTime<Utc>>,
    #[command(flatten)]
    cluster: ClusterArgs,
}

impl Args {
    fn watching(&self) -> bool {
        self.watch || self.watch_only
    }

    /// The pods named in the arguments; none for all pods.
    fn names(&self) -> Result<Vec<String>, Failure> {
        let (kind, names) = match self.what.as_slice() {
            [] if self.watching() => return Err(Failure(NOTHING_TO_WATCH.to_owned())),
            [] => return Err(Failure(NOTHING_TO_GET.to_owned())),
            paths if paths.iter().all(|path| path.contains('/')) => split_paths(paths)?,
            paths if paths.iter().any(|path| path.contains('/')) => {
                return Err(Failure(KIND_TWICE.to_owned()));
            }
            [kind, names @ ..] => (kind.clone(), names.to_vec()),
        };
        let selecting = !self.labels().is_empty() || !self.fields().is_empty();
        if selecting && !names.is_empty() {
            return Err(Failure(match self.what.first() {
                Some(path) if path.contains('/') => {
                    "error: selectors and the all flag cannot be used when passing resource/name arguments"
                }
                _ => "error: name cannot be provided when a selector is specified",
            }
            .to_owned()));
        }
        if !is_pods(&kind) {
            let kind = kind.split('.').next().unwrap_or_default();
            return Err(Failure(format!("error: the server doesn't have a resource type {kind:?}")));
        }
        if self.all_namespaces && !names.is_empty() {
            let message = "error: a resource cannot be retrieved by name across all namespaces";
            return Err(Failure(message.to_owned()));
        }
        Ok(names)
    }

    fn labels(&self) -> &str {
        self.selector.as_deref().unwrap_or_default().trim()
    }

    fn fields(&self) -> &str {
        self.field_selector.as_deref().unwrap_or_default().trim()
    }

    fn now(&self) -> DateTime<Utc> {
        self.now.unwrap_or_else(Utc::now)
    }
}

fn is_pods(kind: &str) -> bool {
    ["pods", "pod", "po"].contains(&kind.to_lowercase().as_str())
}

/// The kind and names of arguments such as `pods/web-0`.
fn split_paths(paths: &[String]) -> Result<(String, Vec<String>), Failure> {
    let mut of = None;
    let mut names = Vec::new();
    for path in paths {
        let (kind, name) = path.split_once('/').unwrap_or_default();
        if name.contains('/') {
            let message = "error: arguments in resource/name form may not have more than one slash";
            return Err(Failure(message.to_owned()));
        }
        if kind.is_empty() || name.is_empty() {
            let message = "error: arguments in resource/name form must have a single resource and name";
            return Err(Failure(message.to_owned()));
        }
        // Another kind than pods is named first in the error.
        if of.is_none() || !is_pods(kind) {
            of = Some(kind.to_owned());
        }
        names.push(name.to_owned());
    }
    Ok((of.unwrap_or_default(), names))
}

const NOTHING_TO_GET: &str = "\
You must specify the type of resource to get. Use \"kubectl api-resources\" for a complete list of supported resources.

error: Required resource not specified.
Use \"kubectl explain <resource>\" for a detailed description of that resource (e.g. kubectl explain pods).
See 'kubectl get -h' for help and examples";

const NOTHING_TO_WATCH: &str = "\
error: You must provide one or more resources by argument or filename.
Example resource specifications include:
   '-f rsrc.yaml'
   '--filename=rsrc.json'
   '<resource> <name>'
   '<resource>'";

const KIND_TWICE: &str = "\
error: there is no need to specify a resource type as a separate argument when passing arguments in resource/name form \
(e.g. 'kubectl get resource/<resource_name>' instead of 'kubectl get resource resource/<resource_name>'";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(err) => {
            let _ = err.print();
            return if err.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    match run(&args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failures) => {
            for failure in failures {
                eprintln!("{failure}");
            }
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &Args) -> Result<(), Vec<Failure>> {
    let as_table = match args.output.as_str() {
        "" | "wide" => true,
        format @ ("json" | "name" | "yaml") if args.show_labels => {
            let message = format!("error: --show-labels option cannot be used with {format} printer");
            return Err(vec![Failure(message)]);
        }
        "json" | "name" | "yaml" => false,
        format => {
            let message =
                format!("error: unable to match a printer suitable for the output format {format:?}");
            return Err(vec![Failure(format!("{message}, allowed formats are: json,name,wide,yaml"))]);
        }
    };
    if let Some(path) = &args.filename {
        return show_file(args, path, as_table).map_err(|failure| vec![failure]);
    }
    let names = args.names()?;
    let connection = args.cluster.connect(args.namespace.as_deref()).await?;
    let (client, namespace) = (connection.client.clone(), connection.namespace.clone());
    if as_table {
        let api: Api<Pod> =
            if args.all_namespaces { Api::all(client) } else { Api::namespaced(client, &namespace) };
        let found = show(args, &api, &names, Rows::new(args)).await?;
        if !found && !args.watching() {
            nothing_found(args, &namespace);
        }
    } else {
        // Of a type with a fixed set of fields, fields that it does not know would be lost.
        let pods = ApiResource::erase::<Pod>(&());
        let api: Api<DynamicObject> = if args.all_namespaces {
            Api::all_with(client, &pods)
        } else {
            Api::namespaced_with(client, &namespace, &pods)
        };
        show(args, &api, &names, Documents::new(args, names.len() == 1)).await?;
    }
    Ok(())
}

fn nothing_found(args: &Args, namespace: &str) {
    if args.all_namespaces {
        eprintln!("No resources found");
    } else {
        eprintln!("No resources found in {namespace} namespace.");
    }
}

/// Shows what a file holds; no cluster is asked.
fn show_file(args: &Args, path: &Path, as_table: bool) -> Result<(), Failure> {
    match args.what.as_slice() {
        [] => {}
        [kind] if is_pods(kind) => {}
        _ => return Err(Failure("error: with --filename, name no objects and no kind but pods".to_owned())),
    }
    if args.watching() || args.selector.is_some() || args.field_selector.is_some() {
        return Err(Failure("error: watching and selecting need a cluster, not --filename".to_owned()));
    }
    let from_stdin = path == Path::new("-");
    let reader: Box<dyn Read> = if from_stdin {
        Box::new(io::stdin())
    } else {
        let missing = |_| Failure(format!("error: the path {:?} does not exist", path.display().to_string()));
        Box::new(File::open(path).map_err(missing)?)
    };
    let mut rows = Rows::new(args);
    let mut documents = Documents::new(args, !from_stdin);
    for object in yaml::manifests(reader) {
        let object = object.map_err(|err| Failure(format!("error: {}: {err}", path.display())))?;
        if as_table {
            rows.add(as_pod(object)?);
        } else {
            documents.add(object);
        }
    }
    if !as_table {
        documents.print()?;
    } else if !rows.print()? {
        nothing_found(args, args.namespace.as_deref().unwrap_or("default"));
    }
    Ok(())
}

fn as_pod(object: DynamicObject) -> Result<Pod, Failure> {
    let name = type_and_name(&object);
    match &object.types {
        Some(types) if types.api_version == "v1" && types.kind == "Pod" => {
            object.try_parse().map_err(|err| Failure(format!("error: {name}: {err}")))
        }
        _ => Err(Failure(format!("error: {name} is not a pod: only pods are shown as a table"))),
    }
}

/// Shows the named objects, or all that the selectors leave; then, if asked to, every change of them. Returns whether
/// there was anything to show.
async fn show<K, P>(args: &Args, api: &Api<K>, names: &[String], mut printer: P) -> Result<bool, Vec<Failure>>
where
    K: Clone + Debug + DeserializeOwned + Resource,
    P: Printer<K>,
{
    let mut failures = Vec::new();
    let mut version = None;
    if names.is_empty() {
        match list(args, api, &mut printer).await {
            Ok(listed) => version = listed,
            Err(failure) => failures.push(failure),
        }
    }
    for name in names {
        match api.get(name).await {
            Ok(object) => {
                version = object.resource_version();
                if !args.watch_only {
                    printer.add(object);
                }
            }
            Err(err) => failures.push(get_failure(api, err).await),
        }
    }
    if !failures.is_empty() && (args.watching() || names.len() == 1) {
        failures.truncate(1);
        return Err(failures);
    }
    let found = printer.print()?;
    if !failures.is_empty() {
        return Err(failures);
    }
    if args.watching() {
        watch(args, api, names, version.unwrap_or_default(), printer).await?;
    }
    Ok(found)
}

/// Adds all objects to the printer, page by page. Returns the version of the list.
async fn list<K>(args: &Args, api: &Api<K>, printer: &mut impl Printer<K>) -> Result<Option<String>, Failure>
where
    K: Clone + Debug + DeserializeOwned,
{
    let mut params = ListParams::default().labels(args.labels()).fields(args.fields()).limit(PAGE);
    loop {
        let page = api.list(&params).await.map_err(|err| list_failure(args, err))?;
        if !args.watch_only {
            page.items.into_iter().for_each(|object| printer.add(object));
        }
        match page.metadata.continue_ {
            Some(token) if !token.is_empty() => params.continue_token = Some(token),
            _ => return Ok(page.metadata.resource_version),
        }
    }
}

/// kubectl says more about a list that the server does not understand.
fn list_failure(args: &Args, err: kube::Error) -> Failure {
    match err {
        kube::Error::Api(mut status) if matches!(&*status.reason, "BadRequest" | "NotFound") => {
            let (labels, fields) = (args.labels(), args.fields());
            let task = if labels.is_empty() && fields.is_empty() {
                "list \"/v1, Resource=pods\"".to_owned()
            } else {
                let selectors = format!("label selector {labels:?}, field selector {fields:?}");
                format!("find \"/v1, Resource=pods\" that match {selectors}")
            };
            status.message = format!("Unable to {task}: {}", status.message);
            Failure(status_text(&status))
        }
        err => err.into(),
    }
}

/// Prints every change since `version`, for as long as the server lets it.
async fn watch<K>(
    args: &Args,
    api: &Api<K>,
    names: &[String],
    mut version: String,
    mut printer: impl Printer<K>,
) -> Result<(), Failure>
where
    K: Clone + Debug + DeserializeOwned + Resource,
{
    let fields = match names {
        [] => args.fields().to_owned(),
        [name] => format!("metadata.name={name}"),
        _ => {
            let message = "error: you may only watch a single resource or type of resource at a time";
            return Err(Failure(message.to_owned()));
        }
    };
    let params = WatchParams::default().labels(args.labels()).fields(&fields);
    // The version of one object may be too old to watch from. From 0, the first event is the object as it is: it has
    // been shown already unless it changed meanwhile.
    let mut shown = names.first().map(|_| std::mem::replace(&mut version, "0".to_owned()));
    // Each watch ends after some minutes; bookmarks keep the version young enough for the next one.
    loop {
        let mut events = api.watch(&params, &version).await?.boxed();
        while let Some(event) = events.try_next().await? {
            let object = match event {
                WatchEvent::Added(object) | WatchEvent::Modified(object) | WatchEvent::Deleted(object) => {
                    object
                }
                WatchEvent::Bookmark(bookmark) => {
                    version = bookmark.metadata.resource_version;
                    continue;
                }
                WatchEvent::Error(status) => return Err(Failure(status_text(&status))),
            };
            version = object.resource_version().unwrap_or_default();
            if shown.take().is_none_or(|shown| shown != version) {
                printer.add(object);
                printer.print()?;
            }
        }
    }
}

/// What takes objects and prints them.
trait Printer<K> {
    /// Takes an object in.
    fn add(&mut self, object: K);

    /// Prints what was taken in since the last time. Returns whether there was anything.
    fn print(&mut self) -> Result<bool, Failure>;
}

/// A table, a row for each pod; only rows that wait for their print are kept.
struct Rows<'a> {
    args: &'a Args,
    table: Table,
}

impl<'a> Rows<'a> {
    fn new(args: &'a Args) -> Self {
        let table = Table::new::<Pod>()
            .wide(args.output == "wide")
            .no_headers(args.no_headers)
            .namespaces(args.all_namespaces)
            .show_kind(args.show_kind)
            .label_columns(&args.label_columns)
            .show_labels(args.show_labels);
        Self { args, table }
    }
}

impl Printer<Pod> for Rows<'_> {
    fn add(&mut self, pod: Pod) {
        self.table.push(&pod, self.args.now());
    }

    fn print(&mut self) -> Result<bool, Failure> {
        let found = !self.table.is_empty();
        print(&self.table.take())?;
        Ok(found)
    }
}

/// YAML, JSON or names.
struct Documents<'a> {
    args: &'a Args,
    /// Whether one object is printed as such, not as a list of one.
    single: bool,
    objects: Vec<DynamicObject>,
    printed: bool,
}

impl<'a> Documents<'a> {
    fn new(args: &'a Args, single: bool) -> Self {
        Self { args, single, objects: Vec::new(), printed: false }
    }

    fn text(&mut self, objects: &[DynamicObject]) -> Result<String, yaml::Error> {
        let options = Options::default().managed_fields(self.args.show_managed_fields);
        let json = self.args.output == "json";
        let mut text = String::new();
        if self.args.output == "name" {
            for object in objects {
                text.push_str(&type_and_name(object));
                text.push('\n');
            }
        } else if self.args.watching() {
            for object in objects {
                if json {
                    text.push_str(&object.to_json_with(&options)?);
                } else {
                    text.push_str(if self.printed { "---\n" } else { "" });
                    text.push_str(&object.to_yaml_with(&options)?);
                }
                self.printed = true;
            }
        } else {
            text = match objects {
                [object] if self.single && json => object.to_json_with(&options)?,
                [object] if self.single => object.to_yaml_with(&options)?,
                objects if json => objects.to_json_with(&options)?,
                objects => objects.to_yaml_with(&options)?,
            };
        }
        Ok(text)
    }
}

impl Printer<DynamicObject> for Documents<'_> {
    fn add(&mut self, mut object: DynamicObject) {
        // The items of a list come without their type.
        object.types.get_or_insert_with(TypeMeta::resource::<Pod>);
        self.objects.push(object);
    }

    fn print(&mut self) -> Result<bool, Failure> {
        let objects = std::mem::take(&mut self.objects);
        let text = self.text(&objects).map_err(|err| Failure(format!("error: {err}")))?;
        print(&text)?;
        Ok(!objects.is_empty())
    }
}
