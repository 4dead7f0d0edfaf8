//! Attaching to what a container runs.

use kube_ext::exec::{Attached, ExecExt as _, Stdio};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};

use super::setup::{LIMIT, Scene, container, play, pod_with};

/// Answers lines, and ends with one that says so.
const ECHO: &str = r#"while IFS= read -r line; do
    echo "<$line>"; echo "($line)" >&2
    [ "$line" = quit ] && exit 3
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

fn lines<R: tokio::io::AsyncRead + Unpin>(stream: Option<R>) -> Lines<BufReader<R>> {
    BufReader::new(stream.unwrap()).lines()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_that_goes_on() {
    play("attach", LIMIT, async |scene| {
        start(scene, ECHO, false).await;
        for round in 0..3 {
            let mut attached = attach(scene).await;
            assert!(!attached.has_terminal());
            let (mut out, mut err) = (lines(attached.stdout.take()), lines(attached.stderr.take()));
            let stdin = attached.stdin.as_mut().unwrap();
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

#[tokio::test(flavor = "multi_thread")]
async fn two_attachments_and_the_end() {
    play("attach-two", LIMIT, async |scene| {
        start(scene, ECHO, false).await;
        let (mut one, mut two) = (attach(scene).await, attach(scene).await);
        let mut only_looks = scene.pods().attach_to("web").container("app").spawn().await.unwrap();
        assert!(only_looks.stdin.is_none());
        let mut outs = [&mut one, &mut two, &mut only_looks].map(|attached| lines(attached.stdout.take()));
        for (is_one, text) in [(true, "from one"), (false, "from two"), (true, "quit")] {
            let writer = if is_one { &mut one } else { &mut two };
            let stdin = writer.stdin.as_mut().unwrap();
            stdin.write_all(format!("{text}\n").as_bytes()).await.unwrap();
            for out in &mut outs {
                assert_eq!(out.next_line().await.unwrap(), Some(format!("<{text}>")));
            }
        }
        for attached in [&mut one, &mut two, &mut only_looks] {
            attached.wait().await.unwrap();
            // And again.
            attached.wait().await.unwrap();
        }
        for out in &mut outs {
            assert_eq!(out.next_line().await.unwrap(), None);
        }
        let mut errors = String::new();
        one.stderr.take().unwrap().read_to_string(&mut errors).await.unwrap();
        assert_eq!(errors, "(from one)\n(from two)\n(quit)\n");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_its_stdin() {
    play("attach-once", LIMIT, async |scene| {
        start(scene, ECHO, true).await;
        let mut attached = attach(scene).await;
        let mut stdin = attached.stdin.take().unwrap();
        stdin.write_all(b"only\n").await.unwrap();
        stdin.shutdown().await.unwrap();
        let mut text = String::new();
        attached.stdout.take().unwrap().read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "<only>\nend\n");
        attached.wait().await.unwrap();
    })
    .await;
}
