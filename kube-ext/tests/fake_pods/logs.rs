use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::{AsyncReadExt as _, StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    api::{DeleteParams, LogParams},
};
use kube_ext::fake::FakeCluster;
use serde_json::json;

use super::setup::{cluster, get, noise, pods, until, web, within};

fn follow() -> LogParams {
    LogParams { follow: true, ..LogParams::default() }
}

/// The lines of a log that is followed, from the first byte on.
async fn followed(
    pods: &Api<Pod>,
    params: &LogParams,
) -> impl futures::Stream<Item = String> + Unpin + use<> {
    use futures::AsyncBufReadExt as _;
    Box::pin(pods.log_stream("web", params).await.unwrap().lines().map_ok(|line| line).map(Result::unwrap))
}

#[tokio::test]
async fn what_was_written_before_the_pod_was_there() {
    let cluster = FakeCluster::builder().start().await.unwrap();
    let app = cluster.pod("default", "web").container("app");
    app.log("early");
    let client = cluster.client().unwrap();
    assert_eq!(get(&client, "/api/v1/namespaces/default/pods/web/log").await.0, 404);
    cluster.apply(&web()).unwrap();
    app.log("late");
    assert_eq!(pods(&cluster).logs("web", &LogParams::default()).await.unwrap(), "early\nlate\n");
}

#[tokio::test]
async fn times_are_as_given_and_lines_in_the_order_of_writing() {
    let cluster = cluster().await;
    let app = cluster.container("default", "web", "app");
    let times = ["2999-12-31T23:59:59.999999999Z", "1969-12-31T00:00:00Z", "2026-01-02T03:04:05.5+02:00"];
    for time in times {
        app.log_at(time.parse().unwrap(), "x");
    }
    let params = LogParams { timestamps: true, ..LogParams::default() };
    let log = pods(&cluster).logs("web", &params).await.unwrap();
    assert_eq!(
        log,
        "2999-12-31T23:59:59.999999999Z x\n1969-12-31T00:00:00.000000000Z x\n2026-01-02T01:04:05.500000000Z x\n"
    );
}

#[tokio::test]
async fn since_a_time_is_with_that_time() {
    let cluster = cluster().await;
    let app = cluster.container("default", "web", "app");
    for time in ["2026-01-01T00:00:02.999999999Z", "2026-01-01T00:00:03Z", "2026-01-01T00:00:03.000000001Z"] {
        app.log_at(time.parse().unwrap(), time);
    }
    let params =
        LogParams { since_time: Some("2026-01-01T00:00:03Z".parse().unwrap()), ..LogParams::default() };
    let log = pods(&cluster).logs("web", &params).await.unwrap();
    assert_eq!(log, "2026-01-01T00:00:03Z\n2026-01-01T00:00:03.000000001Z\n");
}

#[tokio::test]
async fn since_seconds_counts_from_the_request() {
    let cluster = cluster().await;
    let app = cluster.container("default", "web", "app");
    let now = Utc::now();
    for ago in [100, 70, 50, 0, -1000] {
        app.log_at(now - TimeDelta::seconds(ago), ago.to_string());
    }
    let pods = pods(&cluster);
    for (seconds, lines) in
        [(60, "50\n0\n-1000\n"), (80, "70\n50\n0\n-1000\n"), (i64::MAX, "100\n70\n50\n0\n-1000\n")]
    {
        let params = LogParams { since_seconds: Some(seconds), ..LogParams::default() };
        assert_eq!(pods.logs("web", &params).await.unwrap(), lines, "{seconds}");
    }
    // The tail is taken first.
    let params = LogParams { since_seconds: Some(60), tail_lines: Some(4), ..LogParams::default() };
    assert_eq!(pods.logs("web", &params).await.unwrap(), "50\n0\n-1000\n");
}

#[tokio::test]
async fn a_line_may_be_any_bytes() {
    let cluster = cluster().await;
    let bytes = noise(100_000, 1);
    cluster.container("default", "web", "app").log(&bytes);
    let mut log = Vec::new();
    let mut stream = pods(&cluster).log_stream("web", &LogParams::default()).await.unwrap();
    within(stream.read_to_end(&mut log)).await.unwrap();
    assert_eq!(log, [bytes.as_slice(), b"\n"].concat());
}

#[tokio::test]
async fn parts_make_a_line() {
    let cluster = cluster().await;
    let app = cluster.container("default", "web", "app");
    let time: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
    app.log_part_at(time, "a");
    app.log_part_at(time, "b\nc");
    app.log_at(time, "d\n");
    app.log_part_at(time, "");
    let params = LogParams { timestamps: true, ..LogParams::default() };
    let log = pods(&cluster).logs("web", &params).await.unwrap();
    assert_eq!(log.replace("2026-01-01T00:00:00.000000000Z ", "@"), "@ab\n@cd\n@\n");
}

#[tokio::test]
async fn a_million_lines() {
    let cluster = cluster().await;
    let app = cluster.container("default", "web", "app");
    let start: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
    app.log_lines((0..1_000_000).map(|n| (start + TimeDelta::milliseconds(n), format!("line {n}"))));
    let pods = pods(&cluster);
    let log = pods.logs("web", &LogParams::default()).await.unwrap();
    assert_eq!(log.lines().count(), 1_000_000);
    assert!(log.starts_with("line 0\n") && log.ends_with("\nline 999999\n"));
    let params = LogParams { tail_lines: Some(2), ..LogParams::default() };
    assert_eq!(pods.logs("web", &params).await.unwrap(), "line 999998\nline 999999\n");
    let params =
        LogParams { since_time: Some("2026-01-01T00:16:39Z".parse().unwrap()), ..LogParams::default() };
    let log = pods.logs("web", &params).await.unwrap();
    assert_eq!((log.lines().next(), log.lines().count()), (Some("line 999000"), 1000));
}

#[tokio::test]
async fn the_oldest_lines_go() {
    let cluster = cluster().await;
    let app = cluster.container("default", "web", "app");
    let pods = pods(&cluster);
    // Ten bytes each, and sixteen to keep them.
    app.log_limit(26 * 3);
    for n in 0..100 {
        app.log(format!("line {n:04}"));
    }
    let all = LogParams::default();
    assert_eq!(pods.logs("web", &all).await.unwrap(), "line 0097\nline 0098\nline 0099\n");
    let tail = LogParams { tail_lines: Some(50), ..LogParams::default() };
    assert_eq!(pods.logs("web", &tail).await.unwrap(), "line 0097\nline 0098\nline 0099\n");
    app.log_limit(0);
    assert_eq!(pods.logs("web", &all).await.unwrap(), "line 0099\n");
    // A limit outlives a restart.
    app.restart();
    app.log("a");
    app.log("b");
    assert_eq!(pods.logs("web", &all).await.unwrap(), "b\n");
}

#[tokio::test]
async fn following_goes_on_until_the_container_ends() {
    let cluster = cluster().await;
    let app = cluster.container("default", "web", "app");
    app.log("1");
    app.log("2");
    let params = LogParams { tail_lines: Some(1), ..follow() };
    let mut lines = followed(&pods(&cluster), &params).await;
    assert_eq!(within(lines.next()).await.unwrap(), "2");
    app.log("3");
    assert_eq!(within(lines.next()).await.unwrap(), "3");
    let quiet = tokio::time::timeout(Duration::from_millis(50), lines.next()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    app.log("4");
    app.finish();
    assert_eq!(within(lines.next()).await.unwrap(), "4");
    assert_eq!(within(lines.next()).await, None);
    // Whoever comes now gets what there is.
    let lines: Vec<_> = within(followed(&pods(&cluster), &follow()).await.collect()).await;
    assert_eq!(lines, ["1", "2", "3", "4"]);
}

#[tokio::test]
async fn following_starts_without_a_line() {
    let cluster = cluster().await;
    let mut lines = within(followed(&pods(&cluster), &follow())).await;
    cluster.container("default", "web", "app").log("first");
    assert_eq!(within(lines.next()).await.unwrap(), "first");
}

#[tokio::test]
async fn following_stops_at_its_limit() {
    let cluster = cluster().await;
    let app = cluster.container("default", "web", "app");
    app.log("12345");
    let params = LogParams { limit_bytes: Some(8), ..follow() };
    let mut log = pods(&cluster).log_stream("web", &params).await.unwrap();
    let mut bytes = [0; 6];
    within(log.read_exact(&mut bytes)).await.unwrap();
    app.log("67890");
    let mut rest = Vec::new();
    within(log.read_to_end(&mut rest)).await.unwrap();
    assert_eq!((&bytes[..], rest.as_slice()), (&b"12345\n"[..], &b"67"[..]));
}

#[tokio::test]
async fn a_restart_makes_the_log_the_previous_one() {
    let cluster = cluster().await;
    let app = cluster.container("default", "web", "app");
    let pods = pods(&cluster);
    let previous = LogParams { previous: true, ..LogParams::default() };
    app.log("one");
    let error = pods.logs("web", &previous).await.unwrap_err().to_string();
    assert!(error.contains("previous terminated container \"app\" in pod \"web\" not found"), "{error}");
    let mut lines = followed(&pods, &follow()).await;
    assert_eq!(within(lines.next()).await.unwrap(), "one");
    app.restart();
    assert_eq!(within(lines.next()).await, None);
    app.log("two");
    assert_eq!(pods.logs("web", &previous).await.unwrap(), "one\n");
    assert_eq!(pods.logs("web", &LogParams::default()).await.unwrap(), "two\n");
    app.restart();
    assert_eq!(pods.logs("web", &previous).await.unwrap(), "two\n");
    assert_eq!(pods.logs("web", &LogParams::default()).await.unwrap(), "");
}

#[tokio::test]
async fn following_ends_with_what_the_pod_says() {
    let terminated = json!({"terminated": {"exitCode": 0, "containerID": "c"}});
    let changes = [
        ("terminated", json!({"state": terminated, "restartCount": 0})),
        ("crashed", json!({"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "restartCount": 1})),
        ("started again", json!({"state": {"running": {}}, "restartCount": 1})),
    ];
    for (what, status) in changes {
        let cluster = cluster().await;
        let app = cluster.container("default", "web", "app");
        app.log("last");
        let mut lines = followed(&pods(&cluster), &follow()).await;
        assert_eq!(within(lines.next()).await.unwrap(), "last", "{what}");
        // A write that changes nothing about the container does not end it.
        let mut pod = web();
        pod["metadata"]["labels"] = json!({"a": "b"});
        cluster.apply(&pod).unwrap();
        app.log("still");
        assert_eq!(within(lines.next()).await.unwrap(), "still", "{what}");
        for (field, value) in status.as_object().unwrap() {
            pod["status"]["containerStatuses"][0][field] = value.clone();
        }
        cluster.apply(&pod).unwrap();
        assert_eq!(within(lines.next()).await, None, "{what}");
    }
}

#[tokio::test]
async fn following_ends_when_the_pod_is_deleted() {
    let cluster = cluster().await;
    let pods = pods(&cluster);
    cluster.container("default", "web", "app").log("last");
    let mut lines = followed(&pods, &follow()).await;
    assert_eq!(within(lines.next()).await.unwrap(), "last");
    pods.delete("web", &DeleteParams::default().grace_period(0)).await.unwrap();
    assert_eq!(within(lines.next()).await, None);
}

#[tokio::test]
async fn a_crashed_container_shows_its_last_run() {
    let mut pod = web();
    pod["status"]["containerStatuses"][0]["state"] = json!({"waiting": {"reason": "CrashLoopBackOff"}});
    pod["status"]["containerStatuses"][0]["lastState"] =
        json!({"terminated": {"exitCode": 1, "containerID": "c"}});
    let cluster = FakeCluster::builder().objects([pod]).start().await.unwrap();
    let app = cluster.container("default", "web", "app");
    app.log("crash 1");
    app.restart();
    app.log("crash 2");
    let pods = pods(&cluster);
    let previous = LogParams { previous: true, ..LogParams::default() };
    assert_eq!(pods.logs("web", &LogParams::default()).await.unwrap(), "crash 2\n");
    assert_eq!(pods.logs("web", &previous).await.unwrap(), "crash 2\n");
    // The next run has not written yet.
    app.restart();
    assert_eq!(pods.logs("web", &LogParams::default()).await.unwrap(), "crash 2\n");
}

#[tokio::test]
async fn a_container_without_status_runs_when_something_is_attached() {
    let mut pod = web();
    pod["status"] = json!({});
    let cluster = FakeCluster::builder().objects([pod]).start().await.unwrap();
    let pods = pods(&cluster);
    let error = pods.logs("web", &LogParams::default()).await.unwrap_err().to_string();
    assert!(error.contains("container \"app\" in pod \"web\" is not available"), "{error}");
    cluster.container("default", "web", "app").log("here");
    assert_eq!(pods.logs("web", &LogParams::default()).await.unwrap(), "here\n");
}

#[tokio::test]
async fn many_follow_one_log() {
    let cluster = cluster().await;
    let app = cluster.container("default", "web", "app");
    let pods = pods(&cluster);
    let mut readers = Vec::new();
    for _ in 0..20 {
        let mut log = pods.log_stream("web", &follow()).await.unwrap();
        readers.push(tokio::spawn(async move {
            let mut bytes = Vec::new();
            log.read_to_end(&mut bytes).await.unwrap();
            bytes
        }));
    }
    let mut expected = Vec::new();
    for n in 0..2000 {
        app.log(format!("{n}"));
        expected.extend_from_slice(format!("{n}\n").as_bytes());
        if n % 100 == 0 {
            tokio::task::yield_now().await;
        }
    }
    app.finish();
    for reader in readers {
        assert!(within(reader).await.unwrap() == expected);
    }
}

#[tokio::test]
async fn following_ends_with_the_cluster() {
    let cluster = cluster().await;
    cluster.container("default", "web", "app").log("last");
    let mut log = pods(&cluster).log_stream("web", &follow()).await.unwrap();
    let mut bytes = [0; 5];
    within(log.read_exact(&mut bytes)).await.unwrap();
    drop(cluster);
    assert!(within(log.read(&mut bytes)).await.is_err(), "the body is not whole");
}

#[tokio::test]
async fn a_client_that_leaves_is_no_longer_served() {
    let cluster = cluster().await;
    let app = cluster.container("default", "web", "app");
    app.log("first");
    let mut lines = followed(&pods(&cluster), &follow()).await;
    assert_eq!(within(lines.next()).await.unwrap(), "first");
    assert_eq!(cluster.requests_open(), 1);
    drop(lines);
    until(|| {
        app.log("more");
        cluster.requests_open() == 0
    })
    .await;
}
