//! How a process ended, from the server's `Status`.

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;

use super::error::Cause;

/// How a process in a container ended.
///
/// The exit code is the one in the `ExitCode` cause of the server's `Status` (`k8s.io/apimachinery`,
/// `pkg/util/remotecommand`). A process that a signal ended has code 128 plus the signal's number, as in a shell; a
/// process may also exit with such a code by itself, so that the signal is what the code looks like, not more.
///
/// ```
/// use kube_ext::exec::ExitStatus;
///
/// let status = ExitStatus::from_code(137);
/// assert!(!status.success());
/// assert_eq!((status.code(), status.signal_name()), (137, Some("SIGKILL")));
/// assert_eq!(status.to_string(), "exit code 137 (SIGKILL)");
/// assert_eq!(ExitStatus::from_code(1).to_string(), "exit code 1");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub struct ExitStatus {
    code: i32,
}

impl ExitStatus {
    /// The status of a process that ended with this code.
    ///
    /// ```
    /// assert!(kube_ext::exec::ExitStatus::from_code(0).success());
    /// ```
    pub fn from_code(code: i32) -> Self {
        Self { code }
    }

    /// Whether the code is 0.
    ///
    /// ```
    /// # use kube_ext::exec::ExitStatus;
    /// assert!(!ExitStatus::from_code(1).success());
    /// ```
    pub fn success(self) -> bool {
        self.code == 0
    }

    /// The exit code: 0 to 255 on Linux, any number on Windows.
    ///
    /// ```
    /// # use kube_ext::exec::ExitStatus;
    /// assert_eq!(ExitStatus::from_code(3).code(), 3);
    /// ```
    pub fn code(self) -> i32 {
        self.code
    }

    /// The number of the signal that the code stands for, if it is one: code - 128 for 129 to 192.
    ///
    /// ```
    /// # use kube_ext::exec::ExitStatus;
    /// assert_eq!(ExitStatus::from_code(143).signal(), Some(15));
    /// assert_eq!(ExitStatus::from_code(255).signal(), None);
    /// ```
    pub fn signal(self) -> Option<i32> {
        self.code.checked_sub(128).filter(|signal| (1..=64).contains(signal))
    }

    /// The name of that signal on Linux, if it has one.
    ///
    /// ```
    /// # use kube_ext::exec::ExitStatus;
    /// assert_eq!(ExitStatus::from_code(130).signal_name(), Some("SIGINT"));
    /// assert_eq!(ExitStatus::from_code(128 + 40).signal_name(), None);
    /// ```
    pub fn signal_name(self) -> Option<&'static str> {
        let names = [
            "SIGHUP",
            "SIGINT",
            "SIGQUIT",
            "SIGILL",
            "SIGTRAP",
            "SIGABRT",
            "SIGBUS",
            "SIGFPE",
            "SIGKILL",
            "SIGUSR1",
            "SIGSEGV",
            "SIGUSR2",
            "SIGPIPE",
            "SIGALRM",
            "SIGTERM",
            "SIGSTKFLT",
            "SIGCHLD",
            "SIGCONT",
            "SIGSTOP",
            "SIGTSTP",
            "SIGTTIN",
            "SIGTTOU",
            "SIGURG",
            "SIGXCPU",
            "SIGXFSZ",
            "SIGVTALRM",
            "SIGPROF",
            "SIGWINCH",
            "SIGIO",
            "SIGPWR",
            "SIGSYS",
        ];
        let index = usize::try_from(self.signal()? - 1).ok()?;
        names.get(index).copied()
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit code {}", self.code)?;
        match (self.signal_name(), self.signal()) {
            (Some(name), _) => write!(f, " ({name})"),
            (None, Some(signal)) => write!(f, " (signal {signal})"),
            (None, None) => Ok(()),
        }
    }
}

/// Reads the message on the error channel (`pkg/kubelet/.../remotecommand/exec.go` writes it). No message that is not
/// plainly a success is one.
pub(super) fn read(message: &[u8]) -> Result<ExitStatus, Cause> {
    let failed = |message: String| Cause::Failed { message };
    let status: Status = serde_json::from_slice(message).map_err(|error| {
        failed(format!("exit status cannot be read ({error}): {}", message.escape_ascii()))
    })?;
    if status.status.as_deref() == Some("Success") {
        return Ok(ExitStatus { code: 0 });
    }
    let text = status.message.unwrap_or_default();
    if status.reason.as_deref() == Some("NonZeroExitCode") {
        let causes = status.details.and_then(|details| details.causes).unwrap_or_default();
        let code = causes.into_iter().find(|cause| cause.reason.as_deref() == Some("ExitCode"));
        let code = code.and_then(|cause| cause.message).and_then(|code| code.parse().ok());
        return match code {
            Some(0) | None => Err(failed(format!("exit status has no exit code: {text}"))),
            Some(code) => Ok(ExitStatus { code }),
        };
    }
    Err(not_started(text))
}

/// Tells a program that is not there from one that cannot be executed, by the words of runc and crun.
fn not_started(message: String) -> Cause {
    let words = message.to_lowercase();
    let about_the_program =
        words.contains("exec: \"") || words.contains("executable file") || words.contains("crun:");
    // The program's name comes first, and may be anything.
    let said = words.rsplit_once("\": ").map_or(words.as_str(), |(_, said)| said);
    let says = |phrases: &[&str]| about_the_program && phrases.iter().any(|phrase| said.contains(phrase));
    if says(&["not found in $path", "no such file or directory", "not a directory"]) {
        Cause::ProgramNotFound { message }
    } else if says(&["permission denied", "exec format error", "is a directory"]) {
        Cause::NotExecutable { message }
    } else if message.is_empty() {
        Cause::Failed { message: "the server gave no reason".to_owned() }
    } else {
        Cause::Failed { message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(text: &str) -> Cause {
        let status = serde_json::json!({"status": "Failure", "message": text, "reason": "InternalError"});
        read(status.to_string().as_bytes()).unwrap_err()
    }

    #[test]
    fn codes_come_from_the_causes_alone() {
        let with = |causes: &str| {
            read(format!(r#"{{"status":"Failure","reason":"NonZeroExitCode","message":"m","details":{{"causes":{causes}}}}}"#).as_bytes())
        };
        assert_eq!(with(r#"[{"reason":"ExitCode","message":"3"}]"#).unwrap().code(), 3);
        assert_eq!(
            with(r#"[{"reason":"Other","message":"4"},{"reason":"ExitCode","message":"255"}]"#)
                .unwrap()
                .code(),
            255
        );
        assert_eq!(
            with(r#"[{"reason":"ExitCode","message":"-1073741510"}]"#).unwrap().code(),
            -1_073_741_510
        );
        for none in [
            "[]",
            r#"[{"reason":"ExitCode"}]"#,
            r#"[{"reason":"ExitCode","message":"x"}]"#,
            r#"[{"reason":"ExitCode","message":"0"}]"#,
        ] {
            assert!(matches!(with(none), Err(Cause::Failed { .. })), "{none}");
        }
        for none in [&b""[..], b"{", b"{}", b"null", b"\xff", br#"{"status":"success"}"#] {
            assert!(read(none).is_err(), "{}", none.escape_ascii());
        }
        assert!(read(br#"{"metadata":{},"status":"Success"}"#).unwrap().success());
    }

    #[test]
    fn a_code_may_be_any_number() {
        for code in [i32::MIN, -1, 0, 128, 193, i32::MAX] {
            assert_eq!(ExitStatus::from_code(code).signal(), None);
            assert_eq!(ExitStatus::from_code(code).to_string(), format!("exit code {code}"));
        }
    }

    #[test]
    fn reasons_are_told_apart() {
        let runc = "OCI runtime exec failed: exec failed: unable to start container process: ";
        for text in [
            "exec: \"nope\": executable file not found in $PATH",
            "exec: \"permission denied\": executable file not found in $PATH: unknown",
            "exec: \"/nope\": stat /nope: no such file or directory",
            "exec: \"/etc/passwd/x\": stat /etc/passwd/x: not a directory",
        ] {
            assert!(matches!(failure(&format!("{runc}{text}")), Cause::ProgramNotFound { .. }), "{text}");
        }
        for text in [
            "exec: \"/etc/passwd\": permission denied",
            "exec: \"/tmp/not found in $PATH\": permission denied",
            "exec: \"/etc\": is a directory",
        ] {
            assert!(matches!(failure(&format!("{runc}{text}")), Cause::NotExecutable { .. }), "{text}");
        }
        let symlinks = format!("{runc}exec: \"/x\": stat /x: too many levels of symbolic links");
        assert!(matches!(failure(&symlinks), Cause::Failed { .. }));
        let crun = "executing command in container: crun: executable file `nope` not found in $PATH: No such file or directory";
        assert!(matches!(failure(crun), Cause::ProgramNotFound { .. }));
        let elsewhere =
            format!("{runc}chdir to cwd (\"/x\") set in config.json failed: no such file or directory");
        assert!(matches!(failure(&elsewhere), Cause::Failed { .. }));
        assert_eq!(failure("").to_string(), "the server gave no reason");
    }
}
