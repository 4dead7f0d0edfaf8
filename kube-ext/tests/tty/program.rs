//! The program on the terminal: one that has a session, in one of several ways.
use std::{
    env,
    fmt::{Debug, Write as _},
    fs::OpenOptions,
    io::Write as _,
    panic, process,
    sync::Arc,
    thread,
    time::Duration,
};

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube_ext::{
    exec::{Command, ExecExt as _},
    fake::{Exit, FakeCluster, Process},
};
use rustix::termios::LocalModes;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    signal::unix::{SignalKind, signal},
    sync::Notify,
    time::{sleep, timeout},
};

pub(crate) const TEST: &str = "program::on_the_terminal";
pub(crate) const SCENARIO: &str = "KUBE_EXT_TTY_SCENARIO";
/// A file for what cannot be shown any more.
pub(crate) const LOG: &str = "KUBE_EXT_TTY_LOG";

const PODS: &str = "
apiVersion: v1
kind: Pod
metadata: {name: web-0, namespace: default}
spec:
  nodeName: node
  containers: [{name: app, tty: true, stdin: true}, {name: plain}]
";

#[test]
#[ignore = "the other tests run it, on terminals of its own"]
fn on_the_terminal() {
    let Ok(scenario) = env::var(SCENARIO) else { return };
    // The thread of a program's main function has this name; panics are told apart by it.
    let main = thread::Builder::new().name("main".to_owned()).spawn(move || run(&scenario));
    if main.unwrap().join().is_err() {
        process::exit(101);
    }
}

fn run(scenario: &str) {
    let mut runtime = match scenario {
        "panic on one thread" => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    runtime.enable_all().build().unwrap().block_on(async {
        let program = Program::start().await;
        match scenario {
            panicking if panicking.starts_with("panic") => panic_in(panicking, &program).await,
            handling if handling.contains("handler") => handle_signals(handling, &program).await,
            other => have_sessions(other, &program).await,
        }
    });
}

async fn have_sessions(scenario: &str, program: &Program) {
    match scenario {
        "plain" => show(program.command().tty().await),
        "counted" => {
            show(program.command().tty().await);
            show(("asked", program.asked()));
        }
        "without signals" => show(program.command().tty().restore_on_signals(false).await),
        "slow" => show(program.remote("slow").tty().await),
        "many lines" => show(program.remote("many lines").tty().await),
        "detach" => {
            show(program.command().tty().detach_keys("ctrl-p,ctrl-q".parse().unwrap()).await);
            program.gone.notified().await;
        }
        "input" => {
            show(program.command().input("hello").tty().await.map_err(|error| error.to_string()));
            show(format!("asked {}", program.asked()));
        }
        "attach" => show(program.pods.attach_to("web-0").container("app").tty().await),
        "attach without a terminal" => {
            show(program.pods.attach_to("web-0").container("plain").tty().await);
        }
        "shell" => show(program.pods.shell("web-0").container("app").tty().await),
        "no shell" => show(program.pods.shell("web-0").container("plain").tty().await),
        "then a line" => {
            show(program.command().tty().detach_keys("~".parse().unwrap()).await);
            let mut line = String::new();
            std::io::stdin().read_line(&mut line).unwrap();
            show(line);
        }
        "twice" => {
            show(program.command().tty().await);
            show(program.command().tty().await);
        }
        "two at once" => {
            let second = async {
                program.told.notified().await;
                show(program.command().tty().await);
            };
            let (first, ()) = tokio::join!(program.command().tty().into_future(), second);
            show(first);
        }
        "two together" => {
            let (first, second) = (program.command().tty(), program.command().tty());
            let (first, second) = tokio::join!(first.into_future(), second.into_future());
            show((first, second));
            show(("asked", program.asked()));
        }
        "dropped" => {
            let session = program.command().tty().into_future();
            tokio::select! {
                ended = session => show(ended),
                () = program.told.notified() => show("dropped"),
            }
        }
        "lost" => {
            let cut = async {
                program.told.notified().await;
                program.cluster.faults().restart();
            };
            let (ended, ()) = tokio::join!(program.command().tty().into_future(), cut);
            show(ended);
        }
        "after a session" => {
            show(program.command().tty().await);
            sleep(Duration::from_secs(60)).await;
        }
        other => panic!("no scenario {other:?}"),
    }
}

async fn panic_in(scenario: &str, program: &Program) {
    tell_of_panics();
    match scenario {
        "panic elsewhere" | "panic on one thread" => {
            let told = Arc::clone(&program.told);
            tokio::spawn(async move {
                told.notified().await;
                panic!("elsewhere");
            });
            show(program.command().tty().await);
        }
        "panic in the session" => {
            let told = Arc::clone(&program.told);
            let session = program.command().tty().into_future();
            let panicking = tokio::spawn(async move {
                tokio::select! {
                    _ = session => {}
                    () = told.notified() => panic!("in the session"),
                }
            });
            show(panicking.await.is_err());
        }
        "panic in main" => {
            tokio::spawn(program.command().tty().into_future());
            program.told.notified().await;
            panic!("in main");
        }
        other => panic!("no scenario {other:?}"),
    }
}

async fn handle_signals(scenario: &str, program: &Program) {
    match scenario {
        "own handler" => {
            let mut terminate = signal(SignalKind::terminate()).unwrap();
            let session = program.command().tty().into_future();
            tokio::select! {
                ended = session => show(ended),
                _ = terminate.recv() => show("told to end"),
            }
        }
        "own handler after a session" => {
            let mut terminate = signal(SignalKind::terminate()).unwrap();
            show(program.command().tty().await);
            terminate.recv().await;
            show("told to end");
        }
        "late handler" => {
            let session = program.command().tty().restore_on_signals(false).into_future();
            let told_to_end = async {
                program.told.notified().await;
                let mut terminate = signal(SignalKind::terminate()).unwrap();
                show("handler set");
                terminate.recv().await;
            };
            tokio::select! {
                ended = session => show(ended),
                () = told_to_end => show("told to end"),
            }
        }
        other => panic!("no scenario {other:?}"),
    }
}

struct Program {
    cluster: FakeCluster,
    pods: Api<Pod>,
    /// The key `!` was typed.
    told: Arc<Notify>,
    /// The remote process has seen the end of its client.
    gone: Arc<Notify>,
}

impl Program {
    async fn start() -> Self {
        let cluster = FakeCluster::builder().yaml(PODS).start().await.unwrap();
        let (told, gone) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let remote = {
            let (told, gone) = (Arc::clone(&told), Arc::clone(&gone));
            move |process| remote(process, Arc::clone(&told), Arc::clone(&gone))
        };
        let app = cluster.container("default", "web-0", "app");
        app.on_exec(remote.clone());
        app.on_attach(move |process| {
            let remote = remote(process);
            async {
                remote.await;
            }
        });
        let plain = cluster.container("default", "web-0", "plain");
        plain.on_exec(async |process| Exit::not_found(&process.argv()[0]));
        plain.on_attach(async |mut process| {
            let _ = process.stdout.write_all(b"ready\n").await;
        });
        let pods = Api::default_namespaced(cluster.client().unwrap());
        Self { cluster, pods, told, gone }
    }

    fn command(&self) -> Command {
        self.remote("echo")
    }

    /// How many commands the server was asked for.
    fn asked(&self) -> usize {
        self.cluster.requests().iter().filter(|request| request.resource == "pods/exec").count()
    }

    fn remote(&self, program: &str) -> Command {
        self.pods.command("web-0", program).container("app")
    }
}

/// What came of something.
fn show(what: impl Debug) {
    let text = format!("outcome: {what:?}\n");
    if let Some(log) = env::var_os(LOG) {
        OpenOptions::new().create(true).append(true).open(log).unwrap().write_all(text.as_bytes()).unwrap();
    }
    // A terminal that is gone is not to be the end of it.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// The message of a panic says whether it is printed on a terminal that is raw.
fn tell_of_panics() {
    panic::set_hook(Box::new(|info| {
        let modes = rustix::termios::tcgetattr(std::io::stdin()).unwrap();
        let is_raw = !modes.local_modes.contains(LocalModes::ICANON);
        let message = info.payload().downcast_ref::<&str>().unwrap();
        let text = format!("panic {message:?}, raw: {is_raw}\n");
        // In one go: the session goes on writing.
        std::io::stderr().write_all(text.as_bytes()).unwrap();
    }));
}

/// The process in the container: it shows the keys and sizes that reach it.
async fn remote(mut process: Process, told: Arc<Notify>, gone: Arc<Notify>) -> Exit {
    match process.argv().first().map(String::as_str) {
        Some("bash") => return no_bash(process).await,
        Some("many lines") => return many_lines(process).await,
        Some("slow") => sleep(Duration::from_millis(500)).await,
        _ => {}
    }
    if process.stdout.write_all(format!("ready {}\r\n", process.argv().join(" ")).as_bytes()).await.is_err() {
        return Exit::code(1);
    }
    let (mut typed, mut keys) = (String::new(), [0; 4096]);
    loop {
        let mut text = String::new();
        tokio::select! {
            count = process.stdin.read(&mut keys) => {
                let Ok(count @ 1..) = count else {
                    show(format!("the client is gone, which typed {typed}"));
                    gone.notify_one();
                    return Exit::code(1);
                };
                for key in &keys[..count] {
                    match key {
                        b'q' => {
                            let _ = process.stdout.write_all(format!("{text}bye\r\n").as_bytes()).await;
                            return Exit::code(7);
                        }
                        b'!' => {
                            told.notify_one();
                            text.push_str("<told>");
                        }
                        key => {
                            write!(text, "<{key:02x}>").unwrap();
                            write!(typed, "<{key:02x}>").unwrap();
                        }
                    }
                }
            },
            Some(size) = process.resizes.next() => write!(text, "[{}x{}]", size.width, size.height).unwrap(),
        }
        // What a client that is gone had typed is still to be read.
        let _ = process.stdout.write_all(text.as_bytes()).await;
    }
}

/// Turns out not to be there when all that was typed has reached it, two keys at least.
async fn no_bash(mut process: Process) -> Exit {
    let mut keys = [0; 4096];
    process.stdin.read_exact(&mut keys[..2]).await.unwrap();
    while let Ok(Ok(1..)) = timeout(Duration::from_millis(300), process.stdin.read(&mut keys)).await {}
    Exit::not_found("bash")
}

pub(crate) const LINES: usize = 100_000;

async fn many_lines(mut process: Process) -> Exit {
    for line in 0..LINES {
        if process.stdout.write_all(format!("line {line}\r\n").as_bytes()).await.is_err() {
            return Exit::code(1);
        }
    }
    Exit::code(3)
}
