//! Readers that are slower than the process, or do not read at all: memory has a bound, and nothing is lost.
use std::time::Duration;

use futures::future::{join, join_all};
use kube_ext::{
    exec::{Cause, Stream},
    fake::{Exit, FakeCluster, Process},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::sleep,
};

use super::setup::{
    MIB, SEVEN, V5, cluster_with, command, drain, noise, pods, send, server, until, within, within_seconds,
};

const SIZE: usize = 48 * MIB;
/// What the kernel and both sides hold at most, beside what this library does: far less than there is to come.
const ON_THE_WAY: u64 = 12 * MIB as u64;

/// A cluster whose commands write so much to both outputs.
async fn cluster(size: usize) -> FakeCluster {
    cluster_with(move |mut process: Process| async move {
        let (stdout, stderr) = (noise(size, 1), noise(size, 2));
        let _ = join(process.stdout.write_all(&stdout), process.stderr.write_all(&stderr)).await;
        Exit::code(7)
    })
    .await
}

fn sent(cluster: &FakeCluster) -> u64 {
    cluster.requests().last().unwrap().sent
}

/// Waits until the server has sent more than this and has been stopped, which is when it has sent nothing for a while, and
/// says after how many bytes.
async fn stopped(cluster: &FakeCluster, least: u64) -> u64 {
    let (mut before, mut same) = (0, 0);
    // One look may come right after another, if the process was held up in between.
    while same < 3 {
        sleep(Duration::from_secs(1)).await;
        let now = sent(cluster);
        same = if now == before && now > least { same + 1 } else { 0 };
        before = now;
    }
    before
}

#[tokio::test]
async fn nobody_reads_and_nobody_waits() {
    let cluster = cluster(SIZE).await;
    let mut child = within(command(&pods(&cluster)).max_output(MIB).spawn()).await.unwrap();
    let before = within(stopped(&cluster, MIB as u64)).await;
    assert!(before < ON_THE_WAY, "{before}");
    let ((stdout, _), (stderr, _)) =
        within(join(drain(child.stdout.take().unwrap()), drain(child.stderr.take().unwrap()))).await;
    assert!(stdout == noise(SIZE, 1) && stderr == noise(SIZE, 2));
    assert_eq!(within(child.wait()).await.unwrap().code(), 7);
}

#[tokio::test]
async fn one_is_read_slowly_and_the_other_not_at_all() {
    let cluster = cluster_with(async |mut process: Process| {
        let _ = process.stdout.write_all(&noise(SIZE, 1)).await;
        Exit::code(7)
    })
    .await;
    let mut child = within(command(&pods(&cluster)).max_output(MIB).spawn()).await.unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut read = Vec::new();
    let mut piece = vec![0; MIB];
    while within(stdout.read_exact(&mut piece)).await.is_ok() {
        read.extend_from_slice(&piece);
        let ahead = sent(&cluster).saturating_sub(read.len() as u64);
        assert!(ahead < ON_THE_WAY, "{ahead}");
        sleep(Duration::from_millis(5)).await;
    }
    assert!(read == noise(SIZE, 1));
    assert_eq!(within(child.wait()).await.unwrap().code(), 7);
}

/// That somebody waits for the end does not make a slow reader one that is not there.
#[tokio::test]
async fn a_slow_reader_beside_a_wait() {
    let cluster = cluster_with(async |mut process: Process| {
        let _ = process.stdout.write_all(&noise(SIZE, 1)).await;
        Exit::code(7)
    })
    .await;
    let mut child = within(command(&pods(&cluster)).max_output(MIB).spawn()).await.unwrap();
    let (mut stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let read = async {
        let mut read = Vec::new();
        let mut piece = vec![0; MIB];
        // The first read is the sign of life.
        while stdout.read_exact(&mut piece).await.is_ok() {
            read.extend_from_slice(&piece);
            let ahead = sent(&cluster).saturating_sub(read.len() as u64);
            assert!(ahead < ON_THE_WAY, "{ahead}");
            sleep(Duration::from_millis(if read.len() < 4 * MIB { 300 } else { 5 })).await;
        }
        read
    };
    let (read, (code, (rest, _))) =
        within(join(read, join(async { child.wait().await.unwrap().code() }, drain(stderr)))).await;
    assert!(read == noise(SIZE, 1) && rest.is_empty());
    assert_eq!(code, 7);
}

#[tokio::test]
async fn what_nobody_reads_takes_no_more_than_it_may() {
    let cluster = cluster(SIZE / 2).await;
    let mut child = within(command(&pods(&cluster)).max_output(8 * MIB).spawn()).await.unwrap();
    let allowed = 16 * MIB as u64;
    // It cannot end, and takes what it may.
    let before = tokio::select! {
        end = child.wait() => panic!("{end:?}"),
        before = within(stopped(&cluster, allowed / 2)) => before,
    };
    assert!(before < allowed + ON_THE_WAY, "{before}");
    // Reading goes on from there.
    let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let ((stdout, _), (stderr, _)) = within(join(drain(stdout), drain(stderr))).await;
    assert!(stdout == noise(SIZE / 2, 1) && stderr == noise(SIZE / 2, 2));
    assert_eq!(within(child.wait()).await.unwrap().code(), 7);
}

#[tokio::test]
async fn collected_up_to_the_limit() {
    let stderr = b"a word";
    for size in [0, 1, 6, 4095, 32 * 1024, 100_000, 256 * 1024, MIB] {
        for swap in [false, true] {
            let cluster = cluster_with(move |mut process: Process| async move {
                let (one, other) = (noise(size, 1), stderr);
                let (stdout, stderr) =
                    if swap { (&other[..], one.as_slice()) } else { (one.as_slice(), &other[..]) };
                let _ = join(process.stdout.write_all(stdout), process.stderr.write_all(stderr)).await;
                Exit::code(7)
            })
            .await;
            let command = command(&pods(&cluster));
            let limit = size.max(6);
            let output = within(command.clone().max_output(limit).output()).await.unwrap();
            let (long, short) =
                if swap { (output.stderr, output.stdout) } else { (output.stdout, output.stderr) };
            assert_eq!((output.status.code(), short.as_slice()), (7, &stderr[..]), "{size}");
            assert!(long == noise(size, 1), "{size}");
            if size <= 6 {
                continue;
            }
            let limit = size - 1;
            let error = within(command.max_output(limit).output()).await.unwrap_err();
            let (stream, long, short) = if swap {
                (Stream::Stderr, error.stderr(), error.stdout())
            } else {
                (Stream::Stdout, error.stdout(), error.stderr())
            };
            let words =
                format!("exec x in pod default/web container app: more than {limit} bytes on {stream}");
            assert_eq!(error.to_string(), words);
            assert!(
                matches!(error.cause(), Cause::TooMuchOutput { stream: on, limit: of, .. } if (*on, *of) == (stream, limit))
            );
            assert!(long == &noise(size, 1)[..limit], "{size}");
            assert!(stderr.starts_with(short), "{size}");
        }
    }
}

#[tokio::test]
async fn nothing_may_come() {
    let cluster = cluster_with(async |mut process: Process| {
        let out = process.argv().len() - 1;
        let _ = process.stdout.write_all(&vec![b'x'; out]).await;
        Exit::code(7)
    })
    .await;
    let command = command(&pods(&cluster)).max_output(0);
    assert_eq!(within(command.output()).await.unwrap().status.code(), 7);
    let command = command.arg("one byte");
    let error = within_seconds(40, command.output()).await.unwrap_err();
    assert!(matches!(error.cause(), Cause::TooMuchOutput { limit: 0, .. }), "{error}");
    assert_eq!((error.stdout(), error.stderr()), (&b""[..], &b""[..]));
    // A child that is read to its end needs no room.
    let mut child = within(command.spawn()).await.unwrap();
    let (stdout, end) = within_seconds(40, drain(child.stdout.take().unwrap())).await;
    end.unwrap();
    assert_eq!(stdout, b"x");
    assert_eq!(within(child.wait()).await.unwrap().code(), 7);
}

#[tokio::test]
async fn too_much_closes_the_connection() {
    let cluster = cluster_with(async |mut process: Process| {
        process.stdout.write_all(b"too much").await.unwrap();
        // It ends when it notices.
        while process.stderr.write_all(b".").await.is_ok() {
            sleep(Duration::from_millis(20)).await;
        }
        Exit::code(141)
    })
    .await;
    let error = within_seconds(40, command(&pods(&cluster)).max_output(7).output()).await.unwrap_err();
    assert!(matches!(error.cause(), Cause::TooMuchOutput { .. }), "{error}");
    assert_eq!(error.stdout(), b"too muc");
    until(|| cluster.open_streams() == 0).await;
    // One without end, as well.
    let cluster = cluster_with(async |mut process: Process| {
        let yes = b"yes\n".repeat(1000);
        while process.stdout.write_all(&yes).await.is_ok() {}
        Exit::code(141)
    })
    .await;
    let error = within(command(&pods(&cluster)).max_output(MIB).output()).await.unwrap_err();
    assert!(error.stdout() == b"yes\n".repeat(MIB / 4));
    until(|| cluster.open_streams() == 0).await;
}

/// What waits on a server may be lost there: so none does, as long as there is room here.
#[tokio::test]
async fn output_is_taken_as_it_comes() {
    let cluster = cluster(SIZE).await;
    let mut child = within(command(&pods(&cluster)).spawn()).await.unwrap();
    until(|| sent(&cluster) > 2 * SIZE as u64).await;
    let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let ((stdout, _), (stderr, _)) = within(join(drain(stdout), drain(stderr))).await;
    assert!(stdout == noise(SIZE, 1) && stderr == noise(SIZE, 2));
    assert_eq!(within(child.wait()).await.unwrap().code(), 7);
}

/// A server that has written all closes the connection. What has not got through by then is lost with whatever comes from here after
/// that, if only a ping.
#[tokio::test]
async fn a_server_that_is_through_before_its_reader() {
    let all = (1..=8).map(async |mebibytes| {
        let pods = server(V5, move |mut socket| async move {
            for piece in noise(mebibytes * MIB, 1).chunks(32 * 1024) {
                send(&mut socket, 1, piece).await;
            }
            send(&mut socket, 3, SEVEN).await;
        })
        .await;
        let command = command(&pods).max_output(MIB / 4).keepalive(Duration::from_secs(24));
        let mut child = within(command.spawn()).await.unwrap();
        // As long as some pings take.
        sleep(Duration::from_secs(7)).await;
        let (stdout, end) = within(drain(child.stdout.take().unwrap())).await;
        end.unwrap();
        assert!(stdout == noise(mebibytes * MIB, 1), "{} bytes of {mebibytes} MiB", stdout.len());
        assert_eq!(within(child.wait()).await.unwrap().code(), 7);
    });
    join_all(all).await;
}
