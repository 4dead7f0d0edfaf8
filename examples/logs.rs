//! stern's everyday options: `cargo run --example logs -- -n shop web`.
use std::{
    env,
    fmt::Display,
    io::{self, IsTerminal as _, Write as _},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use clap::{ArgAction, Parser, ValueEnum};
use futures::{FutureExt as _, StreamExt as _};
use k8s_openapi::{api::core::v1::Pod, jiff::SignedDuration};
use kube::Api;
use kube_ext::{
    logs::{Event, Format, LogExt as _, LogLine, LogStream, Part, Source, Tail},
    pod::{ContainerKind, State},
};
use kube_ext_examples::{ClusterArgs, Failure};
use regex::bytes::Regex;

/// How many bytes are collected before they are written.
const BUFFER: usize = 64 * 1024;

/// Follows the logs of many pods, with the options of stern.
#[derive(Parser)]
#[command(name = "logs")]
#[expect(clippy::struct_excessive_bools, reason = "stern's flags, one each")]
struct Args {
    /// Pods in whose name this regular expression is found; or those of a workload, TYPE/NAME.
    #[arg(value_name = "POD-QUERY")]
    query: Option<String>,
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
    /// No pods in whose name this regular expression is found.
    #[arg(long, value_name = "REGEX")]
    exclude_pod: Vec<String>,
    /// Only containers in whose name this regular expression is found.
    #[arg(short, long, value_name = "REGEX")]
    container: Option<String>,
    /// No containers in whose name this regular expression is found.
    #[arg(short = 'E', long, value_name = "REGEX")]
    exclude_container: Vec<String>,
    /// Only containers that are in this state at the beginning.
    #[arg(long, value_enum, value_delimiter = ',')]
    container_state: Vec<ContainerState>,
    /// Init containers, too, with sidecars.
    #[arg(
        long,
        action = ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_value_t = true,
        default_missing_value = "true"
    )]
    init_containers: bool,
    /// Ephemeral containers, too.
    #[arg(
        long,
        action = ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_value_t = true,
        default_missing_value = "true"
    )]
    ephemeral_containers: bool,
    /// No lines in which this regular expression is found.
    #[arg(short, long, value_name = "REGEX")]
    exclude: Vec<Regex>,
    /// Only lines in which this regular expression is found.
    #[arg(short, long, value_name = "REGEX")]
    include: Vec<Regex>,
    /// Only lines that are not older than this, such as 5s, 10m or 48h0m0s.
    #[arg(short, long, value_name = "DURATION", value_parser = duration, default_value = "48h0m0s")]
    since: Duration,
    /// Only the last lines of each container, so many; -1 for all.
    #[arg(
        long,
        value_name = "LINES",
        allow_negative_numbers = true,
        value_parser = clap::value_parser!(i64).range(-1..),
        default_value_t = -1
    )]
    tail: i64,
    /// End when all that there is has been shown.
    #[arg(long)]
    no_follow: bool,
    /// The logs of containers as they were before they were started again last.
    #[arg(short, long)]
    previous: bool,
    /// How many logs are read at once; the others wait for their turn.
    #[arg(long, value_name = "LOGS", default_value_t = 50)]
    max_log_requests: usize,
    /// Show lines in the order of their times.
    #[arg(long)]
    merged: bool,
    /// Show the time of each line.
    #[arg(short, long)]
    timestamps: bool,
    /// How lines are shown.
    #[arg(short, long, value_enum, default_value_t = Output::Default)]
    output: Output,
    /// Show lines with kubectl's [pod/NAME/CONTAINER] before them.
    #[arg(long)]
    prefix: bool,
    /// Colors for pods and containers; auto is on a terminal, unless `$NO_COLOR` is set.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    color: Color,
    /// Do not tell when logs begin and end.
    #[arg(long)]
    only_log_lines: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ContainerState {
    Running,
    Waiting,
    Terminated,
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// Pod, container and line.
    Default,
    /// The line.
    Raw,
    /// An object for each line.
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

/// A duration as Go writes it.
fn duration(text: &str) -> Result<Duration, String> {
    let signed: SignedDuration = text.parse().map_err(|err| format!("{err}"))?;
    Duration::try_from(signed).map_err(|_| "it is negative".to_owned())
}

impl Args {
    /// What makes no sense, as stern has it.
    fn check(&self) -> Result<(), Failure> {
        let failed = |why: &str| Err(Failure(format!("error: {why}")));
        match &self.query {
            None if self.selector.is_none() && self.field_selector.is_none() => {
                failed("one of POD-QUERY, --selector and --field-selector is required")
            }
            Some(query) if query.contains('/') && self.selector.is_some() => {
                failed("--selector and TYPE/NAME cannot be set at the same time")
            }
            Some(query) if query.contains('/') && self.all_namespaces => {
                failed("TYPE/NAME is in one namespace, and --all-namespaces is set")
            }
            _ if self.no_follow && self.tail == 0 => failed("--no-follow cannot be used with --tail=0"),
            _ => Ok(()),
        }
    }

    /// What is to be read.
    fn tail(&self) -> Tail {
        let mut tail = Tail::new().since(self.since).max_streams(self.max_log_requests);
        match &self.query {
            Some(workload) if workload.contains('/') => tail = tail.workload(workload),
            Some(pods) => tail = tail.pods(pods),
            None => {}
        }
        if let Some(selector) = &self.selector {
            tail = tail.labels(selector);
        }
        if let Some(selector) = &self.field_selector {
            tail = tail.fields(selector);
        }
        tail = self.exclude_pod.iter().fold(tail, Tail::exclude_pods);
        if let Some(containers) = &self.container {
            tail = tail.containers(containers);
        }
        tail = self.exclude_container.iter().fold(tail, Tail::exclude_containers);
        if !self.init_containers {
            tail = tail.without(ContainerKind::Init).without(ContainerKind::Sidecar);
        }
        if !self.ephemeral_containers {
            tail = tail.without(ContainerKind::Ephemeral);
        }
        if !self.container_state.contains(&ContainerState::All) {
            let states = self.container_state.iter().filter_map(|state| match state {
                ContainerState::Running => Some(State::Running),
                ContainerState::Waiting => Some(State::Waiting),
                ContainerState::Terminated => Some(State::Terminated),
                ContainerState::All => None,
            });
            tail = states.fold(tail, Tail::state);
        }
        if let Ok(lines) = u64::try_from(self.tail) {
            tail = tail.tail_lines(lines);
        }
        if self.previous {
            tail.previous()
        } else if self.no_follow {
            tail
        } else {
            tail.follow()
        }
    }

    /// Whether there are colors, by the rules of stern's library for them.
    fn colors(&self) -> bool {
        match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                let is_unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
                let is_dumb = env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
                !is_unwanted && !is_dumb && io::stdout().is_terminal()
            }
        }
    }

    fn screen(&self) -> Screen {
        let mut stern = Format::stern();
        if self.all_namespaces {
            stern = stern.namespace();
        }
        if self.colors() {
            stern = stern.colors();
        }
        let mut format = match self.output {
            Output::Json => Format::json(),
            Output::Raw => Format::kubectl(),
            Output::Default if self.prefix => Format::kubectl(),
            Output::Default => stern,
        };
        if self.prefix {
            format = format.prefix();
        }
        if self.timestamps {
            format = format.timestamps();
        }
        Screen {
            format,
            titles: stern,
            colors: self.colors(),
            only_log_lines: self.only_log_lines,
            exclude: self.exclude.clone(),
            include: self.include.clone(),
            left_out: Vec::new(),
            unfinished: None,
            out: Vec::new(),
        }
    }
}

/// Where lines are shown, and what there is to say beside them.
struct Screen {
    format: Format,
    titles: Format,
    colors: bool,
    only_log_lines: bool,
    exclude: Vec<Regex>,
    include: Vec<Regex>,
    /// Logs of which a very long line is being left out.
    left_out: Vec<Arc<Source>>,
    /// The log of which the last line is not finished.
    unfinished: Option<Arc<Source>>,
    /// What has not been written yet.
    out: Vec<u8>,
}

impl Screen {
    /// Shows what there is to be seen of an event. False if lines are missing.
    fn show(&mut self, event: Event) -> io::Result<bool> {
        match event {
            Event::Line(line) => self.line(&line)?,
            Event::Started(source) => self.mark('+', 92, &source)?,
            Event::Ended(source) => {
                self.left_out.retain(|other| !Arc::ptr_eq(other, &source));
                self.mark('-', 91, &source)?;
            }
            Event::Interrupted { error, .. } => self.say(format_args!("{error}, will retry"))?,
            Event::Gap(gap) => {
                self.say(format_args!("{}: {gap}", self.titles.title(&gap.source)))?;
                return Ok(false);
            }
            Event::Failed(error) => {
                self.say(format_args!("error: {error}"))?;
                return Ok(false);
            }
            _ => {}
        }
        Ok(true)
    }

    fn line(&mut self, line: &LogLine) -> io::Result<()> {
        if !self.takes(line) {
            return Ok(());
        }
        // Between the parts of a very long line, lines of others may come.
        if self.unfinished.take().is_some_and(|other| !Arc::ptr_eq(&other, line.source())) {
            self.out.push(b'\n');
        }
        self.format.append(line, &mut self.out);
        if !self.out.ends_with(b"\n") {
            self.unfinished = Some(line.source().clone());
        }
        if self.out.len() < BUFFER { Ok(()) } else { self.flush() }
    }

    /// Whether a line is to be shown. Of a very long one, the first part decides.
    fn takes(&mut self, line: &LogLine) -> bool {
        let (source, part) = (line.source(), line.part());
        let takes = if part.begins() {
            let found = |patterns: &[Regex]| patterns.iter().any(|pattern| pattern.is_match(line.bytes()));
            !found(&self.exclude) && (self.include.is_empty() || found(&self.include))
        } else {
            !self.left_out.iter().any(|other| Arc::ptr_eq(other, source))
        };
        if part != Part::Whole {
            self.left_out.retain(|other| !Arc::ptr_eq(other, source));
            if !takes && !part.ends() {
                self.left_out.push(source.clone());
            }
        }
        takes
    }

    /// Tells that a log begins or ends.
    fn mark(&mut self, sign: char, color: u8, source: &Source) -> io::Result<()> {
        let title = self.titles.title(source);
        if self.only_log_lines {
            Ok(())
        } else if self.colors {
            self.say(format_args!("\x1b[{color};1m{sign}\x1b[0;22m {title}"))
        } else {
            self.say(format_args!("{sign} {title}"))
        }
    }

    /// A message beside the lines, at its place among them.
    fn say(&mut self, message: impl Display) -> io::Result<()> {
        self.flush()?;
        // Whoever has closed standard error does not want to know.
        let _ = writeln!(io::stderr(), "{message}");
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        let mut stdout = io::stdout().lock();
        let written = stdout.write_all(&self.out).and_then(|()| stdout.flush());
        self.out.clear();
        written.map_err(|err| io::Error::new(err.kind(), format!("standard output: {err}")))
    }
}

/// Shows logs to their end. False if lines are missing.
async fn show(mut logs: LogStream, screen: &mut Screen) -> io::Result<bool> {
    let mut is_complete = true;
    loop {
        // What has been collected is shown as soon as nothing more is there.
        let event = if let Some(event) = logs.next().now_or_never() {
            event
        } else {
            screen.flush()?;
            logs.next().await
        };
        match event {
            Some(Ok(event)) => is_complete &= screen.show(event)?,
            Some(Err(error)) => {
                screen.flush()?;
                return Err(io::Error::other(error));
            }
            None => {
                screen.flush()?;
                return Ok(is_complete);
            }
        }
    }
}

async fn run(args: &Args) -> Result<ExitCode, Failure> {
    args.check()?;
    let connection = args.cluster.connect(args.namespace.as_deref()).await?;
    let client = connection.client.clone();
    let pods: Api<Pod> =
        if args.all_namespaces { Api::all(client) } else { Api::namespaced(client, &connection.namespace) };
    let logs = pods.tail(args.tail());
    let logs = if args.merged { logs.merged() } else { logs };
    match show(logs, &mut args.screen()).await {
        Ok(true) => Ok(ExitCode::SUCCESS),
        Ok(false) => Ok(ExitCode::FAILURE),
        // Whoever reads has seen enough, as `head` has.
        Err(err) if err.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        Err(err) => Err(Failure(format!("error: {err}"))),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(&Args::parse()).await {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}
