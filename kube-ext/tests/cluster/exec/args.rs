//! What a process is started with.

use kube_ext::exec::Cause;

use super::setup::{LIMIT, kind, play};

/// Writes each argument with a NUL byte after it.
const SHOW: &str = r#"printf '%s\0' "$@""#;

#[tokio::test(flavor = "multi_thread")]
async fn arguments_arrive_as_they_are() {
    play("args", LIMIT, async |scene| {
        scene.start_web().await;
        let args = [
            "",
            " ",
            "a b",
            "'",
            "\"",
            "\\",
            "`id`",
            "$HOME",
            "$(id)",
            "*",
            "?",
            "~",
            "&",
            "=",
            "a=b&c=d",
            "?#",
            "#",
            "%",
            "%2B",
            "%00",
            "+",
            "a+b",
            ";",
            "|",
            "<>",
            "!",
            "\n",
            "a\nb\r\n",
            "\t",
            "\u{1}\u{7f}",
            "-n",
            "--",
            "ü",
            "漢字",
            "👩‍👩‍👧‍👦",
            "\u{feff}",
            "\u{200e}\u{202e}",
            "/",
            "..",
            "../..",
            "{}",
            "[]",
            "a,b",
            "@",
            "",
        ];
        let output = scene.sh(SHOW).arg("sh").args(args).output().await.unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), args.map(|arg| format!("{arg}\0")).concat());
        // Every character of ASCII but NUL, in one.
        let all: String = (1..=127_u8).map(char::from).collect();
        let output = scene.sh(SHOW).args(["sh", &all]).output().await.unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), all + "\0");
        // What does not fit into an argument goes through a shell.
        let output = scene.sh(r"printf '\200\377\0\376'").output().await.unwrap();
        assert_eq!(output.stdout, b"\x80\xff\0\xfe");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_and_long_arguments() {
    play("long-args", LIMIT, async |scene| {
        scene.start_web().await;
        let long = "x".repeat(60 * 1024);
        let output = scene.sh(r#"printf %s "$1""#).args(["sh", &long]).output().await.unwrap();
        assert!(output.stdout == long.as_bytes(), "{} bytes", output.stdout.len());
        let many = (0..4000).map(|number| number.to_string());
        let output = scene.sh("echo $# $1 ${4000}").arg("sh").args(many).output().await.unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "4000 0 3999\n");
        // That is the end of it.
        let error =
            scene.sh(r#"printf %s "$1""#).args(["sh", &"x".repeat(66 * 1024)]).output().await.unwrap_err();
        assert_eq!(kind(&error), "Invalid", "{error}");
        assert!(error.to_string().contains("64 KiB"), "{error}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn environment_and_directory() {
    play("env", LIMIT, async |scene| {
        scene.start_web().await;
        let value = " a=b \"c\" 'd' $HOME `id` \\ \n ü👋 ";
        let show = scene.sh(r#"printf '%s\0' "$EMPTY" "$VALUE" "$CONTAINER" "$PWD""#);
        let output = show.clone().env("VALUE", "other").env("EMPTY", "").env("VALUE", value);
        let output = output.current_dir("/tmp").output().await.unwrap();
        let expected = format!("\0{value}\0app\0/tmp\0");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);

        // Odd directories, one that looks like an option among them.
        let folder = scene.printed("mktemp -d").await;
        for name in ["-P", "a b", "$HOME", "ü'\"\n?"] {
            let directory = format!("{folder}/{name}");
            let made = scene.command("mkdir").args(["--", &directory]).status().await.unwrap();
            assert!(made.success(), "{name}: {made}");
            let output = scene.command("pwd").current_dir(&directory).output().await.unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{directory}\n"), "{output:?}");
        }
        let inside = scene.command("ls").current_dir(&folder).output().await.unwrap();
        assert_eq!(String::from_utf8_lossy(&inside.stdout).lines().next(), Some("$HOME"), "{inside:?}");
        scene.printed(&format!("rm -r {folder}")).await;

        // The process is the one that was asked for: neither the shell nor `env` is left.
        let code = scene.sh("kill -9 $$").env("A", "b").current_dir("/tmp").status().await.unwrap();
        assert_eq!(code.signal_name(), Some("SIGKILL"));
        let output =
            scene.command("cat").current_dir("/tmp").env("A", "b").input("meow").output().await.unwrap();
        assert_eq!(output.stdout, b"meow");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_process_can_be_started_with() {
    play("invalid", LIMIT, async |scene| {
        scene.start_web().await;
        let commands = [
            scene.command(""),
            scene.command("echo").arg("a\0b"),
            scene.command("echo").env("", "a"),
            scene.command("echo").env("a=b", "c"),
            scene.command("echo").env("-i", "a"),
            scene.command("a=b").env("a", "b"),
            scene.command("echo").current_dir("\0"),
        ];
        for command in commands {
            let error = command.output().await.unwrap_err();
            assert!(matches!(error.cause(), Cause::Invalid { .. }), "{command:?}: {error}");
        }
    })
    .await;
}
