//! `kubectl exec`, and a shell where no command is given: `cargo run --example exec -- -it web-0 -- sh`.
use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
};

use clap::Parser;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube_ext::{
    exec::{Command, DetachKeys, Ended, Error, ExecExt as _, ExitStatus, Stdio, Tty},
    pod::{self, Container, ContainerExt as _, ContainerKind, PodExt as _},
};
use kube_ext_examples::{ClusterArgs, Failure, get_failure};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    runtime::Runtime,
};

/// Runs a command in a container as kubectl does; without a command, a shell.
#[derive(Parser)]
#[command(name = "exec", override_usage = "exec [-i] [-t] POD [-c CONTAINER] [flags] [-- COMMAND [args...]]")]
struct Args {
    /// The pod: `POD` or `pods/POD`.
    pod: Option<String>,
    #[arg(hide = true)]
    misplaced: Vec<String>,
    /// The container; kubectl's choice if absent.
    #[arg(short, long, default_value = "", hide_default_value = true)]
    container: String,
    /// Pass standard input to the container.
    #[arg(short = 'i', long)]
    stdin: bool,
    /// Standard input is a terminal.
    #[arg(short, long)]
    tty: bool,
    /// Print nothing but what the command prints.
    #[arg(short, long)]
    quiet: bool,
    /// The keys that leave the session, such as ctrl-p,ctrl-q; none if absent.
    #[arg(long)]
    detach_keys: Option<DetachKeys>,
    /// The namespace; that of the context if absent.
    #[arg(short, long)]
    namespace: Option<String>,
    #[command(flatten)]
    cluster: ClusterArgs,
    /// The command and its arguments; a shell if absent.
    #[arg(last = true)]
    command: Vec<String>,
}

const NO_POD: &str = "error: pod, type/name or --filename must be specified";
const NO_COMMAND: &str = "error: you must specify at least one command for the container";
const NO_DASHES: &str = "error: exec [POD] [COMMAND] is not supported anymore. Use exec [POD] -- [COMMAND] instead\n\
    See 'exec -h' for help and examples";
const NO_TERMINAL: &str = "Unable to use a TTY - input is not a terminal or the right kind of file";

impl Args {
    fn pod(&self) -> Result<&str, Failure> {
        let known = ["pod", "pods", "po"];
        match self.pod.as_deref().map(|pod| pod.split_once('/')) {
            None => Err(Failure(NO_POD.to_owned())),
            _ if !self.misplaced.is_empty() => Err(Failure(NO_DASHES.to_owned())),
            Some(None) => Ok(self.pod.as_deref().unwrap_or_default()),
            Some(Some((kind, name))) if known.contains(&kind) => Ok(name),
            Some(Some((kind, _))) => {
                Err(Failure(format!("error: the server doesn't have a resource type {kind:?}")))
            }
        }
    }

    /// A message beside what the command prints.
    fn say(&self, message: &str) {
        if !self.quiet {
            eprintln!("{message}");
        }
    }
}

fn main() -> ExitCode {
    let run = || {
        let runtime = Runtime::new().map_err(|err| Failure(format!("error: {err}")))?;
        let code = runtime.block_on(run(&Args::parse()));
        // Standard input may still be read by a thread, which nothing can end.
        runtime.shutdown_background();
        code
    };
    run().unwrap_or_else(|failure| {
        eprintln!("{failure}");
        ExitCode::FAILURE
    })
}

async fn run(args: &Args) -> Result<ExitCode, Failure> {
    let name = args.pod()?;
    let on_terminal = io::stdin().is_terminal();
    if args.command.is_empty() && !on_terminal {
        return Err(Failure(NO_COMMAND.to_owned()));
    }
    let connection = args.cluster.connect(args.namespace.as_deref()).await?;
    let pods: Api<Pod> = Api::namespaced(connection.client.clone(), &connection.namespace);
    let pod = match pods.get(name).await {
        Ok(pod) => pod,
        Err(err) => return Err(get_failure(&pods, err).await),
    };
    if let Some(phase @ ("Succeeded" | "Failed")) =
        pod.status.as_ref().and_then(|status| status.phase.as_deref())
    {
        let message = "cannot exec into a container in a completed pod; current phase is";
        return Err(Failure(format!("error: {message} {phase}")));
    }
    let container = container(args, &pod, name)?.name();

    let Some((program, rest)) = args.command.split_first() else {
        return in_terminal(args, pods.shell(name).container(container).tty()).await;
    };
    let command = pods.command(name, program).args(rest).container(container);
    match (args.stdin, args.tty) {
        (true, true) if on_terminal => return in_terminal(args, command.tty()).await,
        (true, true) => args.say(NO_TERMINAL),
        _ => {}
    }
    through_pipes(command, args.stdin).await.map(exit_code)
}

/// The container that is meant; kubectl says which one it has chosen, unless the pod itself says which.
fn container<'a>(args: &Args, pod: &'a Pod, name: &str) -> Result<Container<'a>, Failure> {
    let container = pod.pick_container(Some(&args.container)).map_err(|err| match err {
        pod::Error::NoSuchContainer { container, available, .. } => {
            Failure(format!("error: container {container} is not valid for pod {name} out of: {available}"))
        }
        err => Failure(format!("error: {err}")),
    })?;
    let others = pod.containers(None).len() > 1;
    if args.container.is_empty() && pod.default_container().is_none() && others {
        let chosen = container.name();
        args.say(&format!("Defaulted container {chosen:?} out of: {}", container_names(pod)));
    }
    Ok(container)
}

fn container_names(pod: &Pod) -> String {
    let (mut regular, mut ephemeral, mut init) = (Vec::new(), Vec::new(), Vec::new());
    for container in pod.containers(None) {
        let name = container.name();
        match container.kind() {
            ContainerKind::Regular => regular.push(name.to_owned()),
            ContainerKind::Ephemeral => ephemeral.push(format!("{name} (ephem)")),
            _ => init.push(format!("{name} (init)")),
        }
    }
    [regular, ephemeral, init].concat().join(", ")
}

/// A session on this terminal.
async fn in_terminal(args: &Args, session: Tty) -> Result<ExitCode, Failure> {
    let session = match &args.detach_keys {
        Some(keys) => session.detach_keys(keys.clone()),
        None => session,
    };
    if let Ended::Exited(status) = session.await? {
        return Ok(exit_code(status));
    }
    args.say("detached");
    Ok(ExitCode::SUCCESS)
}

/// Standard input, output and error, each for itself.
async fn through_pipes(command: Command, stdin: bool) -> Result<ExitStatus, Failure> {
    let command = command.stdin(if stdin { Stdio::Piped } else { Stdio::Null });
    let mut child = command.spawn().await?;
    let to_process = child.stdin.take();
    let input = async {
        if let Some(mut to) = to_process {
            // A process may end without reading all of it.
            let _ = tokio::io::copy(&mut tokio::io::stdin(), &mut to).await;
            let _ = to.shutdown().await;
        }
        std::future::pending().await
    };
    let output = async {
        tokio::try_join!(
            copy("standard output", child.stdout.take(), tokio::io::stdout()),
            copy("standard error", child.stderr.take(), tokio::io::stderr()),
        )
    };
    tokio::select! {
        written = output => written?,
        never = input => never,
    };
    Ok(child.wait().await?)
}

/// Copies to the end. How the process ended is for its exit status to tell.
async fn copy(
    name: &str,
    from: Option<impl AsyncRead + Unpin>,
    mut to: impl AsyncWrite + Unpin,
) -> Result<(), Failure> {
    let Some(mut from) = from else { return Ok(()) };
    let copied = async {
        tokio::io::copy(&mut from, &mut to).await?;
        to.flush().await
    };
    match copied.await {
        Err(err) if !err.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Error>) => {
            Err(Failure(format!("error: {name}: {err}")))
        }
        _ => Ok(()),
    }
}

/// The code of the command is that of this program; kubectl says so.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code();
    if code != 0 {
        eprintln!("command terminated with exit code {code}");
    }
    ExitCode::from(code.to_le_bytes()[0])
}
