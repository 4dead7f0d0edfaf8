//! Attaching to what a container runs.

use std::time::Duration;

use kube_ext::exec::{Attached, ChildStdin, ExecExt as _, Stdio};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWriteExt as _, BufReader, Lines};
use tokio::time::timeout;

use super::setup::{LIMIT, Scene, container, play, pod_with};

/// Answers lines, and ends with the one after `quit`.
const ECHO: &str = r#"while IFS= read -r line; do
    echo "<$line>"; echo "($line)" >&2
    [ "$line" = quit ] && { read -r _; exit 3; }
done; echo end"#;

/// Starts the pod `web`, whose container `app` runs a script that reads.
async fn start(scene: &Scene, script: &str, once: bool) {
    let mut app = container("app", &["sh", "-c", script]);
    (app["stdin"], app["stdinOnce"]) = (true.into(), once.into());
    let spec = json!({"restartPolicy": "Never", "containers": [app]});
    scene.start(pod_with("web", spec, "Running", &[json!({"running": {}})])).await;
}

async fn attach(scene: &Scene) -> Attached {
    scene.pods().attach_to("web").stdin(Stdio::Piped).spawn().await.unwrap()
}

type Answers = Lines<BufReader<Box<dyn AsyncRead + Send + Unpin>>>;

fn answers(stream: Option<impl AsyncRead + Send + Unpin + 'static>) -> Answers {
    BufReader::new(Box::new(stream.unwrap()) as Box<dyn AsyncRead + Send + Unpin>).lines()
}

/// A node attaches an output a moment after it has said so: asks until an answer comes to all of these, which is the last.
async fn meet(stdin: &mut ChildStdin, outputs: &mut [&mut Answers]) {
    for number in 0_u32.. {
        let question = format!("sync {number}");
        stdin.write_all(format!("{question}\n").as_bytes()).await.unwrap();
        let all_have_it = async {
            for output in &mut *outputs {
                while let Some(line) = output.next_line().await.unwrap() {
                    if line[1..line.len() - 1] == question {
                        break;
                    }
                    assert!(line.contains("sync "), "{line}");
                }
            }
        };
        if timeout(Duration::from_millis(500), all_have_it).await.is_ok() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_that_goes_on() {
    play("attach", LIMIT, async |scene| {
        start(scene, ECHO, false).await;
        for round in 0..3 {
            let mut attached = attach(scene).await;
            assert!(!attached.has_terminal());
            let (mut out, mut err) = (answers(attached.stdout.take()), answers(attached.stderr.take()));
            let stdin = attached.stdin.as_mut().unwrap();
            meet(stdin, &mut [&mut out, &mut err]).await;
            for number in 0..10 {
                stdin.write_all(format!("{round} {number}\n").as_bytes()).await.unwrap();
                assert_eq!(out.next_line().await.unwrap(), Some(format!("<{round} {number}>")));
                assert_eq!(err.next_line().await.unwrap(), Some(format!("({round} {number})")));
            }
            // Detaching is not the end of its stdin: it answers the next one.
            drop(attached);
        }
        let pod = scene.pods().get("web").await.unwrap();
        assert_eq!(pod.status.unwrap().phase.as_deref(), Some("Running"));
    })
    .await;
}

/// Where one output of an attachment with stdin ends, containerd ends the other, whatever is still on its way: `Attach` in
/// `internal/cri/io/container_io.go`. So the process ends only when all has come.
#[tokio::test(flavor = "multi_thread")]
async fn two_attachments_and_the_end() {
    play("attach-two", LIMIT, async |scene| {
        start(scene, ECHO, false).await;
        let (mut one, mut two) = (attach(scene).await, attach(scene).await);
        let mut only_looks = scene.pods().attach_to("web").container("app").spawn().await.unwrap();
        assert!(only_looks.stdin.is_none());
        let mut outputs = Vec::new();
        for attached in [&mut one, &mut two, &mut only_looks] {
            outputs.push((answers(attached.stdout.take()), answers(attached.stderr.take())));
        }
        let mut all: Vec<_> = outputs.iter_mut().flat_map(|(out, err)| [out, err]).collect();
        meet(one.stdin.as_mut().unwrap(), &mut all).await;
        for (is_one, text) in [(true, "from one"), (false, "from two"), (true, "quit")] {
            let writer = if is_one { &mut one } else { &mut two };
            let stdin = writer.stdin.as_mut().unwrap();
            stdin.write_all(format!("{text}\n").as_bytes()).await.unwrap();
            for (out, err) in &mut outputs {
                assert_eq!(out.next_line().await.unwrap(), Some(format!("<{text}>")));
                assert_eq!(err.next_line().await.unwrap(), Some(format!("({text})")));
            }
        }
        one.stdin.as_mut().unwrap().write_all(b"\n").await.unwrap();
        for attached in [&mut one, &mut two, &mut only_looks] {
            attached.wait().await.unwrap();
            // And again.
            attached.wait().await.unwrap();
        }
        for (out, err) in &mut outputs {
            assert_eq!(out.next_line().await.unwrap(), None);
            assert_eq!(err.next_line().await.unwrap(), None);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_its_stdin() {
    play("attach-once", LIMIT, async |scene| {
        start(scene, ECHO, true).await;
        let mut attached = attach(scene).await;
        let mut stdin = attached.stdin.take().unwrap();
        let mut out = answers(attached.stdout.take());
        meet(&mut stdin, &mut [&mut out]).await;
        stdin.write_all(b"only\n").await.unwrap();
        stdin.shutdown().await.unwrap();
        for expected in [Some("<only>"), Some("end"), None] {
            assert_eq!(out.next_line().await.unwrap().as_deref(), expected);
        }
        attached.wait().await.unwrap();
    })
    .await;
}
