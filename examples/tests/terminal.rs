//! The example `exec -it` on a terminal, that of a tmux, in a pod of the cluster of the current kubeconfig context: what one
//! sees and types.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail")]

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How long anything may take. Generous: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(300);
/// The prompt of the shell outside, and of the one in the pod, which is that of busybox, at home.
const OUTSIDE: &str = "outside>";
const INSIDE: &str = "~ #";

const POD: &str = r#"{
    "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "box"},
    "spec": {
        "terminationGracePeriodSeconds": 0, "automountServiceAccountToken": false,
        "containers": [{
            "name": "app", "image": "kube-ext.local/tools:1", "imagePullPolicy": "Never", "command": ["sleep", "100000"]
        }]
    }
}"#;

/// The example, built with the profile of this test, as `cargo test --test terminal` alone does not.
fn example() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.ancestors().nth(2).unwrap();
    let profile = if folder.ends_with("release") { "release" } else { "dev" };
    let build = ["build", "--quiet", "-p", env!("CARGO_PKG_NAME"), "--example", "exec", "--profile", profile];
    assert!(Command::new(env!("CARGO")).args(build).status().unwrap().success());
    folder.join("examples/exec")
}

fn kubectl(args: &[&str], input: &str) {
    let mut child = Command::new("kubectl")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("kubectl on the PATH");
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let status = child.wait().unwrap();
    assert!(status.success(), "kubectl {args:?} needs a cluster with a node: see .ci/cluster/README.md");
}

/// A namespace with the pod `box`, which is deleted in the end, whatever the end is.
struct Namespace(String);

impl Namespace {
    fn create(test: &str) -> Self {
        let namespace = Self(format!("terminal-{test}-{}", std::process::id()));
        let name = namespace.0.as_str();
        kubectl(&["create", "namespace", name], "");
        // A controller manager makes the account, too.
        let account = r#"{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}"#;
        kubectl(&["apply", "--server-side", "-n", name, "-f", "-"], account);
        kubectl(&["create", "-n", name, "-f", "-"], POD);
        kubectl(&["wait", "-n", name, "--for=condition=Ready", "--timeout=300s", "pod/box"], "");
        namespace
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("kubectl").args(["delete", "namespace", "--wait=false", &self.0]).output();
    }
}

/// A tmux of its own, with a shell on its terminal in which `$EXEC` is the example.
struct Terminal {
    folder: PathBuf,
}

impl Terminal {
    /// Starts it, of 100x30 characters.
    fn start(test: &str, example: &Path) -> Self {
        let folder = std::env::temp_dir().join(format!("kube-ext-terminal-{test}-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let terminal = Self { folder };
        let shell = ["env", "-u", "TMUX", "-u", "ENV", "PS1=outside> ", "TERM=screen", "sh"];
        let exec = format!("EXEC={}", example.display());
        let size = ["-x", "100", "-y", "30"];
        let start = [&["-f", "/dev/null", "new-session", "-d", "-e", &exec], &size[..], &shell[..]].concat();
        terminal.tmux(&start);
        terminal.wait_for("the prompt outside", |screen| last_line(screen) == OUTSIDE);
        terminal
    }

    fn tmux(&self, args: &[&str]) -> String {
        let socket = self.folder.join("socket");
        let output = Command::new("tmux").arg("-S").arg(socket).args(args).output().expect("tmux");
        assert!(output.status.success(), "tmux {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What it shows, without what is empty below.
    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-J"]).trim_end().to_owned()
    }

    /// Looks until it shows something.
    fn wait_for(&self, what: &str, is_shown: impl Fn(&str) -> bool) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let screen = self.screen();
            if is_shown(&screen) {
                return screen;
            }
            assert!(Instant::now() < end, "{what} is not shown after {PATIENCE:?}, but:\n{screen}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn type_keys(&self, text: &str) {
        self.tmux(&["send-keys", "-l", "--", text]);
    }

    /// Presses a key by its name.
    fn press(&self, key: &str) {
        self.tmux(&["send-keys", key]);
    }

    /// Clears the screen, runs a command, and waits for the prompt; what was shown between the two.
    fn run(&self, command: &str, prompt: &str) -> String {
        self.press("C-l");
        self.wait_for("a clear screen", |screen| screen.trim() == prompt);
        self.type_keys(command);
        self.press("Enter");
        let screen = self.wait_for(&format!("the prompt after {command}"), |screen| {
            screen.lines().count() > 1 && last_line(screen) == prompt
        });
        let lines: Vec<_> = screen.lines().collect();
        let [first, shown @ .., _] = lines.as_slice() else { panic!("{screen}") };
        assert_eq!(*first, format!("{prompt} {command}"), "{screen}");
        shown.join("\n")
    }

    /// Starts the example, and waits for the prompt of the shell in the pod.
    fn enter(&self, args: &str) {
        self.type_keys(&format!("clear; $EXEC {args}; echo \"code=$?\""));
        self.press("Enter");
        self.wait_for("the prompt inside", |screen| last_line(screen) == INSIDE);
    }

    /// Leaves it, and waits for the prompt outside; what was shown last.
    fn leave(&self, command: &str) -> String {
        self.type_keys(command);
        self.press("Enter");
        self.wait_for("the prompt outside", |screen| last_line(screen) == OUTSIDE)
    }

    /// All settings of the terminal but its size, which is not the session's.
    fn settings(&self, name: &str) -> String {
        let file = self.folder.join(name);
        self.run_outside(&format!("stty -a > {}", file.display()));
        let settings = fs::read_to_string(file).unwrap();
        let (before, rest) = settings.split_once("rows ").unwrap();
        let (_, after) = rest.split_once("line").unwrap();
        format!("{before}{after}")
    }

    /// Runs a command that shows nothing, in a shell that knows nothing of `C-l`.
    fn run_outside(&self, command: &str) {
        self.type_keys(&format!("clear; {command}; echo done"));
        self.press("Enter");
        self.wait_for("the end of the command", |screen| screen == format!("done\n{OUTSIDE}"));
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let socket = self.folder.join("socket");
        let _ = Command::new("tmux").arg("-S").arg(socket).arg("kill-server").output();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn last_line(screen: &str) -> &str {
    screen.lines().next_back().unwrap_or_default().trim_end()
}

#[test]
fn a_session_from_its_prompt_to_its_exit_code() {
    let (example, namespace) = (example(), Namespace::create("session"));
    let terminal = Terminal::start("session", &example);
    let before = terminal.settings("before");

    terminal.enter(&format!("-it -n {} box -- sh", namespace.0));
    assert_eq!(terminal.run("tty > /dev/null && echo it is", INSIDE), "it is");
    // The name of the pod.
    assert_eq!(terminal.run("hostname", INSIDE), "box");

    // The size: first, and as it changes.
    assert_eq!(terminal.run("stty size", INSIDE), "30 100");
    for (width, height) in [(120, 40), (61, 17), (100, 30)] {
        terminal.tmux(&["resize-window", "-x", &width.to_string(), "-y", &height.to_string()]);
        let (size, end) = (format!("{height} {width}"), Instant::now() + PATIENCE);
        while terminal.run("stty size", INSIDE) != size {
            assert!(Instant::now() < end, "{size} is not seen:\n{}", terminal.screen());
        }
    }

    // Ctrl-C ends the command, not the session.
    terminal.type_keys("clear; echo begins; sleep 1000");
    terminal.press("Enter");
    terminal.wait_for("the command", |screen| screen == "begins");
    terminal.press("C-c");
    terminal.wait_for("the prompt after Ctrl-C", |screen| last_line(screen) == INSIDE);
    assert_eq!(terminal.run("echo $?", INSIDE), "130");

    // A program that has the whole screen.
    terminal.type_keys("vi /tmp/note");
    terminal.press("Enter");
    let is_drawn = |screen: &str| {
        screen.lines().filter(|line| *line == "~").count() >= 25 && last_line(screen).contains("/tmp/note")
    };
    terminal.wait_for("the editor", is_drawn);
    terminal.type_keys("ione");
    terminal.press("Enter");
    terminal.type_keys("two");
    terminal.wait_for("the text", |screen| screen.starts_with("one\ntwo\n~"));
    // Where one key ends and the next begins is for the editor to tell, by the time between them.
    terminal.press("Escape");
    terminal.wait_for("the end of the insertion", |screen| last_line(screen).starts_with("- "));
    terminal.press("Up");
    terminal.wait_for("the first line", |screen| last_line(screen).contains("1/2"));
    terminal.type_keys("dd:wq");
    terminal.press("Enter");
    terminal.wait_for("the prompt after the editor", |screen| last_line(screen) == INSIDE);
    assert_eq!(terminal.run("cat /tmp/note", INSIDE), "two");

    let screen = terminal.leave("exit 42");
    let end = format!("command terminated with exit code 42\ncode=42\n{OUTSIDE}");
    assert!(screen.ends_with(&end), "{screen}");
    assert_eq!(terminal.settings("after"), before);
}

#[test]
fn a_shell_where_no_command_is_given() {
    let (example, namespace) = (example(), Namespace::create("shell"));
    let terminal = Terminal::start("shell", &example);
    let before = terminal.settings("before");
    // The image has no bash.
    terminal.enter(&format!("-n {} box", namespace.0));
    assert_eq!(terminal.run("stty size", INSIDE), "30 100");
    let screen = terminal.leave("exit 0");
    assert!(screen.ends_with(&format!("\ncode=0\n{OUTSIDE}")), "{screen}");
    assert_eq!(terminal.settings("after"), before);

    // The keys that leave a session end it for us, and give the terminal back.
    terminal.enter(&format!("-it --detach-keys ctrl-p,ctrl-q -n {} box -- sh", namespace.0));
    terminal.press("C-p");
    terminal.press("C-q");
    let screen = terminal.wait_for("the prompt outside", |screen| last_line(screen) == OUTSIDE);
    assert!(screen.ends_with(&format!("detached\ncode=0\n{OUTSIDE}")), "{screen}");
    assert_eq!(terminal.settings("detached"), before);
}
