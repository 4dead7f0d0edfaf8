//! How processes end.

use std::collections::BTreeMap;

use futures::StreamExt as _;
use kube_ext::exec::{Error, run_all};
use tokio::io::AsyncReadExt as _;

use super::setup::{LIMIT, LONG, Scene, kind, play};

const COMMANDS: u32 = 1000;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_commands_with_every_code() {
    play("codes", LONG, async |scene| {
        scene.start_web().await;
        let code = |number: u32| number % 256;
        let command =
            |number: &u32| scene.sh(format!("echo {number}; echo {number} >&2; exit {}", code(*number)));
        let mut results = run_all(0..COMMANDS, command).concurrency(50);
        let mut refused = BTreeMap::<String, usize>::new();
        while let Some((number, result)) = results.next().await {
            match result {
                Ok(output) => {
                    assert_eq!(output.status.code(), i32::try_from(code(number)).unwrap());
                    assert_eq!(output.stdout, format!("{number}\n").as_bytes());
                    assert_eq!(output.stderr, format!("{number}\n").as_bytes());
                }
                Err(error) => *refused.entry(error.to_string()).or_default() += 1,
            }
        }
        assert!(refused.is_empty(), "{refused:#?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signals() {
    play("signals", LIMIT, async |scene| {
        scene.start_web().await;
        for (signal, code, name) in [
            ("9", 137, "SIGKILL"),
            ("15", 143, "SIGTERM"),
            // Not SIGHUP: whoever runs these tests may have it ignored.
            ("12", 140, "SIGUSR2"),
            ("10", 138, "SIGUSR1"),
            ("13", 141, "SIGPIPE"),
        ] {
            let status = scene.sh(format!("kill -{signal} $$; sleep 10")).status().await.unwrap();
            assert_eq!((status.code(), status.signal_name()), (code, Some(name)));
            assert_eq!(status.to_string(), format!("exit code {code} ({name})"));
        }
        // It ends by itself before it is waited for.
        let mut child = scene.sh("kill -9 $$").spawn().await.unwrap();
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status,
                None => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
            }
        };
        assert_eq!(status.code(), 137);
        assert_eq!(child.wait().await.unwrap().code(), 137);
    })
    .await;
}

/// Runs a program that cannot be run, in each way, and gives the first word of the cause.
async fn refusal(scene: &Scene, program: &str) -> String {
    let command = scene.command(program);
    let error = command.output().await.unwrap_err();
    let text = error.to_string();
    let start = format!("exec {program} in pod {}/web container app: ", scene.namespace.name);
    assert!(text.starts_with(&start), "{text}");
    assert!(text.contains(&format!("{program:?}")), "{text}");
    assert!(error.stdout().is_empty() && error.stderr().is_empty(), "{error:?}");

    let mut child = command.spawn().await.unwrap();
    let mut stdout = child.stdout.take().unwrap();
    // There is no end of an output that never began.
    let read = stdout.read(&mut [0]).await.unwrap_err();
    for other in [command.status().await.unwrap_err(), child.wait().await.unwrap_err()] {
        assert_eq!(kind(&other), kind(&error), "{other}");
    }
    let read = read.get_ref().and_then(|inner| inner.downcast_ref::<Error>()).expect("an error of ours");
    assert_eq!(kind(read), kind(&error), "{read}");
    kind(&error)
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_that_cannot_be_run() {
    play("programs", LIMIT, async |scene| {
        scene.start_web().await;
        let folder = scene.printed("mktemp -d").await;
        let make = format!(
            r"cd {folder}
            echo 'echo hello' > plain
            printf '\177ELF\2\1\1 and nothing that runs' > other; chmod +x other
            echo '#!/no/such/shell' > script; chmod +x script
            ln -s /no/such/program dangling"
        );
        assert_eq!(scene.printed(&make).await, "");

        let in_folder = |name: &str| format!("{folder}/{name}");
        for program in [
            "no-such-program",
            "no such program",
            "/no/such/program",
            "./nope",
            "/etc/passwd/x",
            &in_folder("dangling"),
        ] {
            assert_eq!(refusal(scene, program).await, "ProgramNotFound", "{program}");
        }
        for program in [&in_folder("plain"), &folder, "/"] {
            assert_eq!(refusal(scene, program).await, "NotExecutable", "{program}");
        }
        // These runc starts, in its own words: it is gone when the kernel refuses them.
        for (program, words) in [("other", "exec format error"), ("script", "no such file or directory")] {
            let program = in_folder(program);
            let output = scene.command(&program).output().await.unwrap();
            assert_eq!(output.status.code(), 1, "{program}");
            assert_eq!(
                String::from_utf8_lossy(&output.stderr),
                format!("exec {program}: {words}\n"),
                "{program}"
            );
        }
        // Its name is as odd as can be.
        let odd = in_folder(r#"a b&c=ü?#%+;"'\"#);
        let make = scene.sh(r#"printf '#!/bin/sh\necho "$0"\n' > "$1"; chmod +x "$1""#).args(["sh", &odd]);
        assert!(make.status().await.unwrap().success());
        let output = scene.command(&odd).output().await.unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{odd}\n"), "{output:?}");

        // With a shell or `env` in between, it is their code.
        let missing = scene.command("no-such-program");
        let output = missing.clone().env("A", "b").output().await.unwrap();
        assert_eq!(output.status.code(), 127, "{output:?}");
        let output = missing.current_dir("/").output().await.unwrap();
        assert_eq!(output.status.code(), 127, "{output:?}");
        let output = scene.command("pwd").current_dir("/no/such/directory").output().await.unwrap();
        assert!([1, 2].contains(&output.status.code()), "{output:?}");
        scene.printed(&format!("rm -r {folder}")).await;
    })
    .await;
}
