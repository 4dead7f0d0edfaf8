//! What is read, and what comes of it.

use std::time::Duration;

use futures::StreamExt as _;
use kube_ext::logs::{Cause, LogExt as _, Part};

use super::setup::{Now, all, api, at, cluster, next, pod, running, sorted, tail, within};

#[tokio::test]
async fn all_that_there_is() {
    let cluster = cluster().await;
    for name in ["web-0", "web-1"] {
        cluster.apply(&pod(name, &[("app", Now::Running, 0), ("proxy", Now::Running, 0)])).unwrap();
        cluster.container("default", name, "app").log("one");
        cluster.container("default", name, "app").log("two");
        cluster.container("default", name, "proxy").log("three");
    }
    let expected = [
        "+ web-0/app 0",
        "+ web-0/proxy 0",
        "+ web-1/app 0",
        "+ web-1/proxy 0",
        "- web-0/app 0",
        "- web-0/proxy 0",
        "- web-1/app 0",
        "- web-1/proxy 0",
        "web-0/app: one",
        "web-0/app: two",
        "web-0/proxy: three",
        "web-1/app: one",
        "web-1/app: two",
        "web-1/proxy: three",
    ];
    assert_eq!(sorted(api(&cluster).tail(tail())).await, expected);
    let client = cluster.client().unwrap();
    assert_eq!(sorted(client.tail(tail().labels("app=web"))).await, expected);
    assert_eq!(sorted(client.tail(tail().labels("app=db"))).await, [""; 0]);
}

#[tokio::test]
async fn a_log_that_is_followed() {
    let cluster = cluster().await;
    cluster.apply(&running("web-0")).unwrap();
    let app = cluster.container("default", "web-0", "app");
    app.log("one");
    let mut logs = api(&cluster).tail(tail().follow());
    assert_eq!(next(&mut logs, 2).await, ["+ web-0/app 0", "web-0/app: one"]);
    app.log("two");
    assert_eq!(next(&mut logs, 1).await, ["web-0/app: two"]);
    // Nothing more comes, nor an end.
    assert!(tokio::time::timeout(Duration::from_millis(300), logs.next()).await.is_err());
    // Another pod joins.
    cluster.container("default", "web-1", "app").log("hello");
    cluster.apply(&running("web-1")).unwrap();
    assert_eq!(next(&mut logs, 2).await, ["+ web-1/app 0", "web-1/app: hello"]);
    drop(logs);
    within(cluster.until_no_requests()).await;
}

#[tokio::test]
async fn a_container_that_ends_and_starts_again() {
    let cluster = cluster().await;
    cluster.apply(&running("web-0")).unwrap();
    let app = cluster.container("default", "web-0", "app");
    app.log("first life");
    let mut logs = api(&cluster).tail(tail().follow());
    assert_eq!(next(&mut logs, 2).await, ["+ web-0/app 0", "web-0/app: first life"]);
    app.log("its end");
    app.restart();
    app.log("second life");
    cluster.apply(&pod("web-0", &[("app", Now::Running, 1)])).unwrap();
    let expected = ["web-0/app: its end", "- web-0/app 0", "+ web-0/app 1", "web-0/app: second life"];
    assert_eq!(next(&mut logs, 4).await, expected);
    app.finish();
    cluster.apply(&pod("web-0", &[("app", Now::Ended(0), 1)])).unwrap();
    assert_eq!(next(&mut logs, 1).await, ["- web-0/app 1"]);
}

#[tokio::test]
async fn a_container_that_waits_takes_its_turn() {
    let cluster = cluster().await;
    cluster.apply(&pod("web-0", &[("app", Now::Running, 0), ("late", Now::Waiting, 0)])).unwrap();
    cluster.container("default", "web-0", "app").log("one");
    let mut logs = api(&cluster).tail(tail().follow());
    assert_eq!(next(&mut logs, 2).await, ["+ web-0/app 0", "web-0/app: one"]);
    cluster.container("default", "web-0", "late").log("at last");
    cluster.apply(&pod("web-0", &[("app", Now::Running, 0), ("late", Now::Running, 0)])).unwrap();
    assert_eq!(next(&mut logs, 2).await, ["+ web-0/late 0", "web-0/late: at last"]);
}

#[tokio::test]
async fn the_log_before_the_last_start() {
    let cluster = cluster().await;
    let app = cluster.container("default", "web-0", "app");
    app.log("first life");
    app.restart();
    app.log("second life");
    cluster.apply(&pod("web-0", &[("app", Now::Running, 1)])).unwrap();
    let logs = api(&cluster).tail(tail().previous());
    assert_eq!(all(logs).await, ["+ web-0/app 0", "web-0/app: first life", "- web-0/app 0"]);
}

#[tokio::test]
async fn the_last_lines_and_the_youngest() {
    let cluster = cluster().await;
    cluster.apply(&running("web-0")).unwrap();
    let app = cluster.container("default", "web-0", "app");
    for second in 0..10 {
        app.log_at(at(1000 * second), second.to_string());
    }
    let read = async |tail| {
        let all = all(api(&cluster).tail(tail)).await;
        all.iter()
            .filter_map(|told| told.strip_prefix("web-0/app: ").map(ToOwned::to_owned))
            .collect::<String>()
    };
    assert_eq!(read(tail().tail_lines(3)).await, "789");
    assert_eq!(read(tail().tail_lines(0)).await, "");
    assert_eq!(read(tail().since_time(at(7999))).await, "789");
    assert_eq!(read(tail().since_time(at(60_000))).await, "");
    assert_eq!(read(tail().since(Duration::from_secs(60))).await, "");
    // The newline of the last line is not among them.
    assert_eq!(read(tail().limit_bytes(7)).await, "0123 >");
    assert_eq!(read(tail().limit_bytes(6)).await, "012");
}

#[tokio::test]
async fn bytes_that_are_no_text() {
    let cluster = cluster().await;
    cluster.apply(&running("web-0")).unwrap();
    let app = cluster.container("default", "web-0", "app");
    let lines: [&[u8]; 5] = [b"\xff\xfe", b"", b"\0", b"\r", "ü".as_bytes()];
    for line in lines {
        app.log(line);
    }
    let logs = api(&cluster).tail(tail());
    let found: Vec<_> = within(logs.filter_map(async |event| event.unwrap().into_line()).collect()).await;
    assert_eq!(found.iter().map(kube_ext::logs::LogLine::bytes).collect::<Vec<_>>(), lines);
    assert_eq!(found[0].node(), "node-0");
}

#[tokio::test]
async fn a_line_that_is_very_long() {
    let cluster = cluster().await;
    cluster.apply(&running("web-0")).unwrap();
    let app = cluster.container("default", "web-0", "app");
    let long: Vec<u8> = (0..1_000_003_u32).map(|at| b'a' + u8::try_from(at % 23).unwrap()).collect();
    app.log("before");
    app.log(&long);
    app.log("after");
    let logs = api(&cluster).tail(tail().max_line(4096));
    let found: Vec<_> = within(logs.filter_map(async |event| event.unwrap().into_line()).collect()).await;
    assert!(found.iter().all(|line| line.bytes().len() <= 4096));
    let parts: Vec<_> = found.iter().map(kube_ext::logs::LogLine::part).collect();
    assert_eq!((parts[0], parts[1], parts[2]), (Part::Whole, Part::First, Part::Middle));
    assert_eq!(parts[parts.len() - 2..], [Part::Last, Part::Whole]);
    let middle: Vec<u8> = found[1..found.len() - 1].iter().flat_map(|line| line.bytes().to_vec()).collect();
    assert!(middle == long);
    assert!(found[1..found.len() - 1].iter().all(|line| line.timestamp() == found[1].timestamp()));
}

#[tokio::test]
async fn what_cannot_be_read() {
    let cluster = cluster().await;
    cluster.apply(&running("web-0")).unwrap();
    let first = async |tail| within(api(&cluster).tail(tail).next()).await.unwrap().unwrap_err();
    let error = first(tail().pod("web-9")).await;
    assert!(matches!(error.cause(), Cause::NotFound { .. }), "{error:?}");
    assert_eq!(error.to_string(), "logs of pod default/web-9: pods \"web-9\" not found");
    let error = first(tail().workload("deploy/web")).await;
    assert!(matches!(error.cause(), Cause::NotFound { .. }), "{error:?}");
    for bad in [tail().pods("("), tail().containers("["), tail().pod("../x"), tail().workload("cronjob/x")] {
        let error = first(bad).await;
        assert!(matches!(error.cause(), Cause::Invalid { .. }), "{error:?}");
    }
    let error = first(tail().labels("a b c")).await;
    assert!(matches!(error.cause(), Cause::Request { .. }), "{error:?}");
    cluster.set_rules("nobody", []);
    let nobody = cluster.client_as("nobody").unwrap();
    let error = within(nobody.tail(tail().follow()).next()).await.unwrap().unwrap_err();
    assert!(matches!(error.cause(), Cause::Forbidden { .. }), "{error:?}");
}
