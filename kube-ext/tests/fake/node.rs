//! What pods need of a cluster inside the process: commands that are processes of this machine, and users.

use std::convert::Infallible;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container, Pod};
use kube::{Client, Config, ResourceExt};
use kube_ext::fake::{self, Exit, Output, Process, Rule};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{ChildStdin, Command};
use tokio::sync::{Mutex, broadcast};

use crate::cluster::Cluster;
use crate::support::TestNamespace;

/// Linux's `ENOEXEC`.
const NOT_EXECUTABLE_FORMAT: i32 = 8;

impl Cluster {
    /// Whether containers run on a node, not as processes of this machine.
    pub(crate) const HAS_NODE: bool = false;

    /// How to reach it.
    pub(crate) async fn config(&self) -> Config {
        let kubeconfig = kube::config::Kubeconfig::from_yaml(&self.server.kubeconfig("default")).unwrap();
        Config::from_custom_kubeconfig(kubeconfig, &kube::config::KubeConfigOptions::default()).await.unwrap()
    }

    /// Puts a pod into the cluster that is as its status says, and runs what commands are asked for.
    #[allow(clippy::unused_async, reason = "a node takes its time")]
    pub(crate) async fn start(&self, namespace: &TestNamespace, mut pod: Pod) {
        pod.metadata.namespace = Some(namespace.name.clone());
        let spec = pod.spec.as_mut().expect("a spec");
        spec.node_name = Some("node".to_owned());
        let containers =
            spec.init_containers.iter().flatten().chain(&spec.containers).cloned().collect::<Vec<_>>();
        self.server.apply(&pod).expect("a pod");
        for container in containers {
            let handle = self.server.container(&namespace.name, &pod.name_any(), &container.name);
            let variables = variables(&container);
            handle.on_exec(move |process| run(process, variables.clone()));
            if container.stdin == Some(true) {
                play(&handle, &container);
            }
        }
    }

    /// The websockets that it serves; nobody knows of a node's.
    #[allow(clippy::unnecessary_wraps, reason = "as its twin on a real node")]
    pub(crate) fn open_streams(&self) -> Option<usize> {
        Some(self.server.open_streams())
    }

    /// A client of a new user, who may use these verbs on these resources in a namespace.
    #[allow(clippy::unused_async, reason = "a server has to be asked for it")]
    pub(crate) async fn user(&self, namespace: &TestNamespace, rules: &[(&[&str], &[&str])]) -> Client {
        let user = format!("{}-{}", namespace.name, fastrand::u32(..));
        let rules = rules.iter().map(|(verbs, resources)| {
            Rule::verbs(verbs.iter().copied()).resources(*resources).namespace(&namespace.name)
        });
        self.server.allow(&user, rules);
        self.server.client_as(&user).expect("client")
    }
}

fn variables(container: &Container) -> Vec<(String, String)> {
    let all = container.env.iter().flatten();
    all.map(|variable| (variable.name.clone(), variable.value.clone().unwrap_or_default())).collect()
}

/// Runs a command in a container.
async fn run(mut process: Process, variables: Vec<(String, String)>) -> Exit {
    let argv = process.argv().to_vec();
    let mut command = Command::new(&argv[0]);
    command.envs(variables);
    let pipe = |wanted: bool| if wanted { Stdio::piped() } else { Stdio::null() };
    command.args(&argv[1..]).stdin(pipe(process.stdin.is_wanted())).kill_on_drop(true);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => return not_started(&mut process, &error).await,
    };
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let ends = async {
        let (status, ..) = tokio::join!(
            child.wait(),
            pass_on(stdout.unwrap(), &mut process.stdout),
            pass_on(stderr.unwrap(), &mut process.stderr),
        );
        status.expect("an exit status")
    };
    let input = async {
        if let Some(mut stdin) = stdin {
            // A process reads what it wants to.
            let _ = tokio::io::copy(&mut process.stdin, &mut stdin).await;
        }
        std::future::pending::<Infallible>().await
    };
    let status = tokio::select! { status = ends => status, never = input => match never {} };
    let code = status.code().unwrap_or_else(|| 128 + status.signal().expect("a code or a signal"));
    Exit::code(u8::try_from(code).expect("a code"))
}

/// Ends the process's pipe where it cannot go on: nobody shall wait for a client that is gone.
async fn pass_on(mut from: impl AsyncRead + Unpin, to: &mut Output) {
    let _ = tokio::io::copy(&mut from, to).await;
}

/// In the words of containerd with runc.
async fn not_started(process: &mut Process, error: &io::Error) -> Exit {
    let program = process.argv()[0].clone();
    let is_file = program.contains('/') && std::fs::metadata(&program).is_ok_and(|it| it.is_file());
    let why = match error.kind() {
        io::ErrorKind::NotFound if !program.contains('/') => return Exit::not_found(&program),
        io::ErrorKind::PermissionDenied => format!("exec: {program:?}: permission denied"),
        // What the kernel refuses, runc has started.
        kind if is_file => {
            let words = match kind {
                io::ErrorKind::NotFound => "no such file or directory",
                _ if error.raw_os_error() == Some(NOT_EXECUTABLE_FORMAT) => "exec format error",
                _ => panic!("{program}: {error}"),
            };
            let _ = process.stderr.write_all(format!("exec {program}: {words}\n").as_bytes()).await;
            return Exit::code(1);
        }
        io::ErrorKind::NotADirectory => format!("exec: {program:?}: stat {program}: not a directory"),
        io::ErrorKind::NotFound => format!("exec: {program:?}: stat {program}: no such file or directory"),
        _ => panic!("{program}: {error}"),
    };
    Exit::not_started(format!(
        "failed to exec in container: failed to start exec \"{:064x}\": OCI runtime exec failed: exec failed: unable to \
         start container process: {why}",
        0
    ))
}

/// Which output, and what was written to it.
type Written = (bool, Vec<u8>);

/// Starts the process of a container, and attaches who asks for it.
fn play(handle: &fake::Container, container: &Container) {
    let argv = container.command.clone().expect("a command");
    let mut command = Command::new(&argv[0]);
    command.args(&argv[1..]).envs(variables(container)).kill_on_drop(true);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let stdin: Arc<Mutex<Option<ChildStdin>>> = Arc::new(Mutex::new(child.stdin.take()));
    let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let (written, _) = broadcast::channel(1024);
    let all = written.clone();
    tokio::spawn(async move {
        tokio::join!(copy(stdout, true, &all), copy(stderr, false, &all));
        drop(all);
        let _ = child.wait().await;
    });
    let once = container.stdin_once == Some(true);
    let written = written.downgrade();
    handle.on_attach(move |mut process| {
        let (stdin, output) = (stdin.clone(), written.upgrade().map(|written| written.subscribe()));
        async move {
            let Some(mut output) = output else { return };
            let show = async {
                while let Ok((is_stdout, bytes)) = output.recv().await {
                    let stream = if is_stdout { &mut process.stdout } else { &mut process.stderr };
                    if stream.write_all(&bytes).await.is_err() {
                        return;
                    }
                }
            };
            let feed = async {
                let mut buffer = [0; 4096];
                while let Ok(read @ 1..) = process.stdin.read(&mut buffer).await {
                    if let Some(stdin) = &mut *stdin.lock().await {
                        let _ = stdin.write_all(&buffer[..read]).await;
                    }
                }
                if once {
                    stdin.lock().await.take();
                }
                std::future::pending::<Infallible>().await
            };
            tokio::select! { () = show => (), never = feed => match never {} }
        }
    });
}

async fn copy(mut from: impl AsyncRead + Unpin, is_stdout: bool, to: &broadcast::Sender<Written>) {
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        // Nobody may be attached.
        let _ = to.send((is_stdout, buffer[..read].to_vec()));
    }
}
