//! Bytes, whatever they are.

use kube_ext::logs::{LogExt as _, LogLine, Part, Tail};
use serde_json::json;

use super::setup::{Ask, all_lines, check, lines, ours, print, script};
use crate::exec::setup::{LIMIT, Scene, play, pod_with};
use crate::log_node::{kubectl_logs, start};

/// Runs a script in a pod to its end.
async fn log(scene: &Scene, text: &str) {
    let spec = json!({"restartPolicy": "Never", "containers": [script("app", text)]});
    let completed = json!({"terminated": {"exitCode": 0, "reason": "Completed"}});
    start(scene, pod_with("web", spec, "Succeeded", &[completed])).await;
}

async fn check_formats(scene: &Scene) {
    for (prefix, timestamps) in [(false, false), (true, false), (false, true), (true, true)] {
        let ask = Ask { prefix, timestamps, ..Ask::default() };
        let expected = kubectl_logs(scene, "web", "app", ask).await;
        check(&format!("{ask:?}"), &ours(scene, "web", "app", ask).await, &expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn that_are_no_text() {
    play("bytes", LIMIT, async |scene| {
        // In two pieces of UTF-8, a carriage return in the middle, bytes that are none, zeros, nothing, and a space.
        let lines: [&[u8]; 8] =
            [b"caf\xc3\xa9", b"a\rb", b"\xff\xfe\xfd", b"\xc3(", b"\0\0\0", b"", b" ", b"\xe2\x82"];
        let octal = |line: &[u8]| {
            let bytes: Vec<_> = line.iter().map(|byte| format!("\\{byte:03o}")).collect();
            bytes.concat() + "\\n"
        };
        log(scene, &format!("printf '{}'", lines.map(octal).concat())).await;
        let all = all_lines(scene, "web", lines.len()).await;
        assert_eq!(all.iter().map(LogLine::bytes).collect::<Vec<_>>(), lines);
        check_formats(scene).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_which_no_two_lines_are_different() {
    play("equal", LIMIT, async |scene| {
        log(scene, "yes | head -n 20000").await;
        let all = all_lines(scene, "web", 20_000).await;
        assert_eq!(all.len(), 20_000);
        assert!(all.iter().all(|line| line.bytes() == b"y"));
        check_formats(scene).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn that_make_a_very_long_line() {
    play("long-line", LIMIT, async |scene| {
        log(scene, "echo before; seq 1000000 2000000 | tr '\\n' ' ' | head -c 5000000; echo; echo after")
            .await;
        let long: Vec<u8> =
            (1_000_000..).flat_map(|n: u32| format!("{n} ").into_bytes()).take(5_000_000).collect();
        // The long one in five parts.
        all_lines(scene, "web", 7).await;
        for bound in [None, Some(100_000), Some(usize::MAX)] {
            let tail = Tail::new().pod("web");
            let logs = scene.pods().tail(bound.map_or(tail.clone(), |bound| tail.max_line(bound)));
            let all = lines(logs).await;
            let bound = bound.unwrap_or(1 << 20);
            assert!(all.iter().all(|line| line.bytes().len() <= bound));
            let parts: Vec<_> = all.iter().map(LogLine::part).collect();
            // With its time.
            let count = (5_000_000_usize + 31).div_ceil(bound);
            let expected = match count {
                1 => vec![Part::Whole],
                _ => [vec![Part::First], vec![Part::Middle; count - 2], vec![Part::Last]].concat(),
            };
            assert_eq!(parts, [vec![Part::Whole], expected, vec![Part::Whole]].concat());
            let middle: Vec<u8> = all[1..=count].iter().flat_map(|line| line.bytes().to_vec()).collect();
            check("the line", &middle, &long);
            assert_eq!((all[0].bytes(), all[count + 1].bytes()), (&b"before"[..], &b"after"[..]));
            for (prefix, timestamps) in [(false, false), (true, true)] {
                let ask = Ask { prefix, timestamps, ..Ask::default() };
                let expected = kubectl_logs(scene, "web", "app", ask).await;
                check(&format!("{ask:?}"), &print(ask.format(), &all), &expected);
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn that_no_newline_ends() {
    play("no-newline", LIMIT, async |scene| {
        log(scene, "echo first; printf last").await;
        let all = all_lines(scene, "web", 2).await;
        assert_eq!(all.iter().map(LogLine::bytes).collect::<Vec<_>>(), [&b"first"[..], b"last"]);
        // kubectl leaves it as it is; a line of ours is a line.
        let mut expected = kubectl_logs(scene, "web", "app", Ask::default()).await;
        if !expected.ends_with(b"\n") {
            expected.push(b'\n');
        }
        check("formatted", &ours(scene, "web", "app", Ask::default()).await, &expected);
    })
    .await;
}
