//! The same command in many pods: `cargo run --example run_all -- -n shop -l app=web -- hostname`.
use std::{process::ExitCode, time::Duration};

use clap::Parser;
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, ResourceExt as _, api::ListParams};
use kube_ext::exec::{ExecExt as _, Output, run_all};
use kube_ext_examples::{ClusterArgs, Failure, print};

/// Runs a command in many pods, and shows what each line came from.
#[derive(Parser)]
#[command(name = "run_all")]
struct Args {
    /// The namespace; that of the context if absent.
    #[arg(short, long)]
    namespace: Option<String>,
    /// Pods of all namespaces.
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Only pods with these labels.
    #[arg(short = 'l', long)]
    selector: Option<String>,
    /// The container; kubectl's choice if absent.
    #[arg(short, long)]
    container: Option<String>,
    /// How many pods at once.
    #[arg(short = 'j', long, default_value_t = 16)]
    concurrency: usize,
    /// Seconds that a pod may take.
    #[arg(long)]
    timeout: Option<u64>,
    #[command(flatten)]
    cluster: ClusterArgs,
    /// The command and its arguments.
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

/// Each line with the pod it came from.
fn lines(pod: &str, bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).lines().flat_map(|line| ["[", pod, "] ", line, "\n"]).collect()
}

/// Shows what a command wrote; whether it ended well.
fn show(pod: &str, output: &Output) -> Result<bool, Failure> {
    print(&lines(pod, &output.stdout))?;
    eprint!("{}", lines(pod, &output.stderr));
    if !output.status.success() {
        eprintln!("[{pod}] {}", output.status);
    }
    Ok(output.status.success())
}

/// Whether all commands ended well.
async fn run(args: Args) -> Result<bool, Failure> {
    let connection = args.cluster.connect(args.namespace.as_deref()).await?;
    let client = connection.client.clone();
    let api: Api<Pod> = if args.all_namespaces {
        Api::all(client.clone())
    } else {
        Api::namespaced(client.clone(), &connection.namespace)
    };
    let selected = ListParams::default()
        .labels(args.selector.as_deref().unwrap_or_default())
        .fields("status.phase=Running");
    let pods = api.list(&selected).await?;
    let (program, rest) =
        args.command.split_first().ok_or_else(|| Failure("error: no command".to_owned()))?;

    let mut results = run_all(pods, |pod| {
        let api: Api<Pod> = Api::namespaced(client.clone(), &pod.namespace().unwrap_or_default());
        let mut command = api.command(pod.name_any(), program).args(rest);
        if let Some(container) = &args.container {
            command = command.container(container);
        }
        if let Some(seconds) = args.timeout {
            command = command.timeout(Duration::from_secs(seconds));
        }
        command
    })
    .concurrency(args.concurrency);

    let mut all_well = true;
    while let Some((pod, result)) = results.next().await {
        let name = format!("{}/{}", pod.namespace().unwrap_or_default(), pod.name_any());
        all_well &= match result {
            Ok(output) => show(&name, &output)?,
            Err(error) => {
                print(&lines(&name, error.stdout()))?;
                eprintln!("[{name}] error: {error}");
                false
            }
        };
    }
    Ok(all_well)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}
