//! In which order lines come, and how many logs at once.

use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use kube_ext::{
    fake::{Calls, Fault},
    logs::{Cause, Event, LogExt as _, LogStream},
};

use super::setup::{Now, api, at, cluster, next, pod, running, tail, within};

/// For longer than this nothing here is late.
const WINDOW: Duration = Duration::from_secs(5);

/// The pod of the next line.
async fn pod_of_line(logs: &mut LogStream) -> String {
    loop {
        if let Event::Line(line) = logs.next().await.unwrap().unwrap() {
            return line.pod().to_owned();
        }
    }
}

#[tokio::test]
async fn by_time_across_containers() {
    let cluster = cluster().await;
    let mut random = fastrand::Rng::with_seed(1);
    let mut expected = Vec::new();
    for pod in 0..10 {
        let name = format!("web-{pod}");
        cluster.apply(&running(&name)).unwrap();
        // Some containers are much busier than others, so that one log is read long before another has come so far.
        let (mut time, step) = (0, 1 + i64::from(pod) * 40);
        let lines: Vec<_> = (0..2000 / (1 + pod))
            .map(|number| {
                time += random.i64(1..=2 * step);
                (at(time), format!("{number} {}", "x".repeat(200)))
            })
            .collect();
        expected.extend(lines.iter().map(|(time, _)| *time));
        cluster.container("default", &name, "app").log_lines(lines);
    }
    expected.sort();
    let logs = api(&cluster).tail(tail()).merged();
    let found: Vec<_> =
        within(logs.try_filter_map(async |event| Ok(event.into_line())).try_collect()).await.unwrap();
    let times: Vec<_> = found.iter().map(kube_ext::logs::LogLine::timestamp).collect();
    assert_eq!(times.len(), expected.len());
    assert!(times.is_sorted(), "{:?}", times.iter().zip(&expected).position(|(a, b)| a != b));
}

#[tokio::test]
async fn a_container_keeps_its_order_whatever_its_times() {
    let cluster = cluster().await;
    cluster.apply(&running("web-0")).unwrap();
    let app = cluster.container("default", "web-0", "app");
    for (number, time) in [5000, 1000, 9000, 2000].into_iter().enumerate() {
        app.log_at(at(time), number.to_string());
    }
    let logs = api(&cluster).tail(tail()).merged();
    let found: Vec<_> =
        within(logs.try_filter_map(async |event| Ok(event.into_line())).try_collect()).await.unwrap();
    assert_eq!(found.iter().map(|line| line.text().into_owned()).collect::<String>(), "0123");
}

#[tokio::test]
async fn one_that_is_silent_is_not_waited_for() {
    let cluster = cluster().await;
    for name in ["web-0", "web-1"] {
        cluster.apply(&running(name)).unwrap();
    }
    let [one, two] = ["web-0", "web-1"].map(|name| cluster.container("default", name, "app"));
    let mut logs = api(&cluster).tail(tail().follow()).merged_within(WINDOW);
    let mut started = next(&mut logs, 2).await;
    started.sort();
    assert_eq!(started, ["+ web-0/app 0", "+ web-1/app 0"]);
    // Lines that come within the window are put in order.
    one.log_at(at(2000), "later");
    tokio::time::sleep(Duration::from_millis(20)).await;
    two.log_at(at(1000), "earlier");
    assert_eq!(next(&mut logs, 2).await, ["web-1/app: earlier", "web-0/app: later"]);
    one.log_at(at(3000), "alone");
    assert_eq!(next(&mut logs, 1).await, ["web-0/app: alone"]);
}

/// One that has ended, in a pod that lives, has lines that are held, and waits for its next start.
#[tokio::test]
async fn one_that_has_ended_is_not_taken_for_another_that_is_late() {
    let cluster = cluster().await;
    cluster.apply(&pod("web-0", &[("first", Now::Ended(0), 0), ("app", Now::Running, 0)])).unwrap();
    cluster.apply(&running("web-1")).unwrap();
    let [first, app, late] = [("web-0", "first"), ("web-0", "app"), ("web-1", "app")]
        .map(|(pod, container)| cluster.container("default", pod, container));
    first.log_at(at(10), "first");
    first.log_at(at(60), "fourth");
    app.log_at(at(50), "third");
    late.log_at(at(40), "second");
    let slow = Calls::any().resource("pods/log").name("web-1");
    cluster.faults().add(slow, Fault::delay(Duration::from_millis(400)));
    let logs = api(&cluster).tail(tail().follow()).merged_within(WINDOW);
    let found = logs.try_filter_map(async |event| Ok(event.into_line())).take(4).try_collect::<Vec<_>>();
    let found: Vec<_> = within(found).await.unwrap().iter().map(|line| line.text().into_owned()).collect();
    assert_eq!(found, ["first", "second", "third", "fourth"]);
}

#[tokio::test]
async fn so_many_at_a_time() {
    let cluster = cluster().await;
    for number in 0..6 {
        let name = format!("web-{number}");
        cluster.apply(&running(&name)).unwrap();
        cluster.container("default", &name, "app").log("hello");
    }
    let mut logs = api(&cluster).tail(tail().follow().max_streams(2));
    let found = [within(pod_of_line(&mut logs)).await, within(pod_of_line(&mut logs)).await];
    let more = tokio::time::timeout(Duration::from_millis(500), pod_of_line(&mut logs)).await;
    assert!(more.is_err(), "the others wait for their turn: {found:?} {more:?}");
    // One ends, and another has its turn.
    cluster.container("default", &found[0], "app").finish();
    cluster.apply(&pod(&found[0], &[("app", Now::Ended(0), 0)])).unwrap();
    assert!(!found.contains(&within(pod_of_line(&mut logs)).await));

    // Without following, all have their turn.
    let logs = api(&cluster).tail(tail().max_streams(2)).merged();
    let found: Vec<_> =
        within(logs.try_filter_map(async |event| Ok(event.into_line())).try_collect()).await.unwrap();
    assert_eq!(found.len(), 6);
}

#[tokio::test]
async fn a_line_that_is_waited_for() {
    let cluster = cluster().await;
    cluster.apply(&running("web-0")).unwrap();
    let app = cluster.container("default", "web-0", "app");
    app.log("starting");
    app.log(b"ready \xff on port 80");
    let pods = api(&cluster);
    let soon = Duration::from_secs(60);
    let mut logs = pods.tail(tail().follow());
    let line = logs.wait_for(r"(?-u)ready \xff on port [0-9]+$", soon).await.unwrap();
    assert_eq!(line.bytes(), b"ready \xff on port 80");
    // It goes on behind it.
    app.log("more");
    assert_eq!(logs.wait_for("^", soon).await.unwrap().bytes(), b"more");

    let error = logs.wait_for("never", Duration::from_millis(50)).await.unwrap_err();
    assert_eq!(error.to_string(), "logs of pods in namespace default: no line matched \"never\" within 50ms");
    let error = pods.tail(tail().pod("web-0")).wait_for("never", soon).await.unwrap_err();
    assert!(matches!(error.cause(), Cause::NoMatch { after: None, .. }), "{error:?}");
    assert_eq!(error.to_string(), "logs of pod default/web-0: no line matched \"never\"");
    let error = pods.tail(tail()).wait_for("(", soon).await.unwrap_err();
    assert!(matches!(error.cause(), Cause::Invalid { .. }), "{error:?}");
}
