//! A shell that knows a few commands, for containers that do not run.
use std::io;

use chrono::Utc;
use kube_ext::fake::{Exit, Process};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// What a command wrote, and its exit code.
#[derive(Debug, Default)]
struct Reply {
    stdout: String,
    stderr: String,
    code: u8,
    /// Whether the shell ends with it.
    exit: bool,
}

/// Where a command runs.
#[derive(Clone, Debug)]
pub(super) struct Host {
    pub(super) pod: String,
    pub(super) container: String,
}

const HELP: &str =
    "cat date echo env exit false head help hostname id ls ps pwd sh sleep true uname whoami\n";

/// Whether there is a program of this name.
fn is_known(program: &str) -> bool {
    HELP.split_whitespace().any(|known| known == program) && program != "help" && program != "exit"
}

/// Runs what a client asks for in a container. A client that goes away ends it.
pub(super) async fn exec(host: Host, mut process: Process) -> Exit {
    let argv = process.argv().to_vec();
    let argv: Vec<_> = argv.iter().map(String::as_str).collect();
    let ended = match argv.as_slice() {
        ["cat"] => tokio::io::copy(&mut process.stdin, &mut process.stdout).await.map(|_| 0),
        ["sh" | "bash"] => host.shell(&mut process).await,
        [program, ..] if is_known(program) => send(&mut process, host.command(&argv)).await,
        [program, ..] => return Exit::not_found(program),
        [] => return Exit::not_found(""),
    };
    Exit::code(ended.unwrap_or(1))
}

// What a terminal sends for Ctrl-C, Ctrl-D and the keys that take a character back.
const INTERRUPT: u8 = 0x03;
const END: u8 = 0x04;
const BACKSPACE: u8 = 0x08;
const DELETE: u8 = 0x7f;

/// What is longer loses its end, as on a terminal.
const MAX_LINE: usize = 4096;

/// A line without its end; nothing at the end of the input. A terminal sees what it types.
async fn read_line(process: &mut Process, echo: bool) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    loop {
        let byte = match process.stdin.read_u8().await {
            Ok(byte) => byte,
            Err(err) if err.kind() == io::ErrorKind::UnexpectedEof && line.is_empty() => return Ok(None),
            Err(err) if err.kind() == io::ErrorKind::UnexpectedEof => b'\n',
            Err(err) => return Err(err),
        };
        let seen: &[u8] = match byte {
            b'\n' | b'\r' => b"\r\n",
            INTERRUPT if echo => {
                line.clear();
                b"^C\r\n"
            }
            END if echo && line.is_empty() => return Ok(None),
            BACKSPACE | DELETE if echo => {
                if line.pop().is_some() {
                    b"\x08 \x08"
                } else {
                    b""
                }
            }
            byte if line.len() < MAX_LINE => {
                line.push(byte);
                &[byte]
            }
            _ => b"",
        };
        if echo {
            process.stdout.write_all(seen).await?;
        }
        if matches!(byte, b'\n' | b'\r') || (echo && byte == INTERRUPT) {
            return Ok(Some(String::from_utf8_lossy(&line).into_owned()));
        }
    }
}

/// Sends what a command wrote. A terminal has one output, and ends its lines in its own way.
async fn send(process: &mut Process, reply: Reply) -> io::Result<u8> {
    let Reply { mut stdout, mut stderr, code, .. } = reply;
    if process.tty() {
        stdout.push_str(&stderr);
        (stdout, stderr) = (stdout.replace('\n', "\r\n"), String::new());
    }
    process.stdout.write_all(stdout.as_bytes()).await?;
    process.stderr.write_all(stderr.as_bytes()).await?;
    Ok(code)
}

impl Host {
    /// A shell that reads its commands; on a terminal it has a prompt.
    async fn shell(&self, process: &mut Process) -> io::Result<u8> {
        let (mut code, on_terminal) = (0, process.tty());
        loop {
            if on_terminal {
                process.stdout.write_all(b"/ # ").await?;
            }
            let Some(line) = read_line(process, on_terminal).await? else { return Ok(code) };
            let reply = self.line(&line);
            let exit = reply.exit;
            code = send(process, reply).await?;
            if exit {
                return Ok(code);
            }
        }
    }

    /// Runs a line: commands, one after the other, separated by semicolons.
    fn line(&self, line: &str) -> Reply {
        let mut all = Reply::default();
        for command in line.split(';') {
            let argv: Vec<_> =
                command.split_whitespace().map(|word| word.trim_matches(['"', '\''])).collect();
            let (argv, to_stderr) = match argv.as_slice() {
                [argv @ .., ">&2"] => (argv, true),
                argv => (argv, false),
            };
            if argv.is_empty() {
                continue;
            }
            let reply = self.command(argv);
            let out = if to_stderr { &mut all.stderr } else { &mut all.stdout };
            out.push_str(&reply.stdout);
            all.stderr.push_str(&reply.stderr);
            (all.code, all.exit) = (reply.code, reply.exit);
            if all.exit {
                break;
            }
        }
        all
    }

    /// Runs one command.
    fn command(&self, argv: &[&str]) -> Reply {
        let said = |text: String| Reply { stdout: text, ..Reply::default() };
        let failed = |text: String, code| Reply { stderr: text, code, ..Reply::default() };
        match argv {
            ["sh" | "bash", "-c", line, ..] => Reply { exit: false, ..self.line(line) },
            ["cat", "/etc/hostname"] | ["hostname"] => said(format!("{}\n", self.pod)),
            ["cat", "/etc/os-release"] => said("NAME=\"Demo Linux\"\n".to_owned()),
            ["cat" | "head", file, ..] => failed(
                format!(
                    "{}: can't open '{file}': No such file or directory\n",
                    argv.first().unwrap_or(&"cat")
                ),
                1,
            ),
            ["date"] => said(format!("{}\n", Utc::now().format("%a %b %e %H:%M:%S UTC %Y"))),
            ["echo", words @ ..] => said(format!("{}\n", words.join(" "))),
            ["env"] => {
                said(format!("HOSTNAME={}\nCONTAINER={}\nPATH=/usr/bin:/bin\n", self.pod, self.container))
            }
            ["exit"] => Reply { exit: true, ..Reply::default() },
            ["exit", code] => Reply { exit: true, code: code.parse().unwrap_or(2), ..Reply::default() },
            ["false"] => Reply { code: 1, ..Reply::default() },
            ["help"] => said(HELP.to_owned()),
            ["id"] => said("uid=0(root) gid=0(root) groups=0(root)\n".to_owned()),
            ["ls", ..] => said("bin\ndev\netc\nproc\ntmp\nusr\nvar\n".to_owned()),
            ["ps", ..] => {
                said(format!("PID   USER     TIME  COMMAND\n    1 root      0:07 /{}\n", self.container))
            }
            ["pwd"] => said("/\n".to_owned()),
            [] | ["cat" | "head" | "true" | "sleep" | "sh" | "bash", ..] => Reply::default(),
            ["uname", ..] => said("Linux\n".to_owned()),
            ["whoami"] => said("root\n".to_owned()),
            [unknown, ..] => failed(format!("sh: {unknown}: not found\n"), 127),
        }
    }
}
