//! What cannot be known is told, and what is slow is waited for.

use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use kube_ext::{
    fake::{Calls, Fault},
    logs::{Cause, Event, GapReason, LogExt as _},
};

use super::setup::{Now, all, api, at, cluster, lines, next, pod, running, tail, within};

fn log_calls() -> Calls {
    Calls::any().resource("pods/log")
}

/// The next event that is told of, with what it is.
async fn event(logs: &mut kube_ext::logs::LogStream) -> Event {
    loop {
        match within(logs.next()).await.unwrap().unwrap() {
            Event::Interrupted { .. } => {}
            event => return event,
        }
    }
}

#[tokio::test]
async fn lines_that_were_put_away_meanwhile_are_a_gap() {
    let cluster = cluster().await;
    cluster.apply(&running("web-0")).unwrap();
    let app = cluster.container("default", "web-0", "app");
    for number in 0..5 {
        app.log_at(at(1000 * number), number.to_string());
    }
    cluster.faults().add(log_calls().nth(1), Fault::cut_after_events(5));
    let again = cluster.faults().add(log_calls().range(2..), Fault::unavailable());
    let mut logs = api(&cluster).tail(tail().follow());
    next(&mut logs, 6).await;
    // While it cannot be read, it goes on, and the node keeps little.
    let go_on = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        for number in 5..100 {
            app.log_at(at(1000 * number), number.to_string());
        }
        app.log_limit(100);
        again.remove();
    };
    let (event, ()) = tokio::join!(event(&mut logs), go_on);
    let Event::Gap(gap) = event else { panic!("{event:?}") };
    assert_eq!(
        (gap.reason, gap.after, gap.source.pod.as_str()),
        (GapReason::Rotated, Some(at(4000)), "web-0")
    );
    let before = gap.before.expect("a line");
    let Event::Line(line) = self::event(&mut logs).await else { panic!("no line") };
    assert_eq!(line.timestamp(), before);
    assert!(line.text().parse::<u32>().unwrap() > 5);
}

#[tokio::test]
async fn a_pod_that_is_gone_while_the_connection_is_cut() {
    let cluster = cluster().await;
    cluster.apply(&running("web-0")).unwrap();
    cluster.container("default", "web-0", "app").log("one");
    cluster.faults().add(log_calls().nth(1), Fault::cut_after_events(1));
    cluster.faults().add(log_calls().range(2..), Fault::internal_error("down"));
    let mut logs = api(&cluster).tail(tail().follow());
    next(&mut logs, 2).await;
    let delete = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        api(&cluster).delete("web-0", &kube::api::DeleteParams::default().grace_period(0)).await.unwrap();
    };
    let (event, ()) = tokio::join!(event(&mut logs), delete);
    let Event::Gap(gap) = event else { panic!("{event:?}") };
    assert_eq!(gap.reason, GapReason::Gone);
    assert!(matches!(self::event(&mut logs).await, Event::Ended(_)));
}

#[tokio::test]
async fn starts_that_nobody_saw_are_a_gap() {
    let cluster = cluster().await;
    cluster.apply(&running("web-0")).unwrap();
    let app = cluster.container("default", "web-0", "app");
    app.log("zero");
    let mut logs = api(&cluster).tail(tail().follow());
    assert_eq!(next(&mut logs, 2).await, ["+ web-0/app 0", "web-0/app: zero"]);
    for life in ["one", "two", "three"] {
        app.restart();
        app.log(life);
    }
    cluster.apply(&pod("web-0", &[("app", Now::Running, 3)])).unwrap();
    let told = next(&mut logs, 6).await;
    assert_eq!(
        told,
        [
            "- web-0/app 0",
            "! web-0/app Restarted",
            "+ web-0/app 2",
            "web-0/app: two",
            "- web-0/app 2",
            "+ web-0/app 3",
        ]
    );
    assert_eq!(next(&mut logs, 1).await, ["web-0/app: three"]);
}

#[tokio::test]
async fn a_server_that_stays_bad_is_given_up_unless_it_is_followed() {
    let cluster = cluster().await;
    cluster.apply(&running("web-0")).unwrap();
    cluster.container("default", "web-0", "app").log("one");
    let bad = cluster.faults().add(log_calls(), Fault::internal_error("down"));
    let told = all(api(&cluster).tail(tail())).await;
    let (last, interrupted) = told.split_last().unwrap();
    assert!(interrupted.iter().all(|told| told == "interrupted") && interrupted.len() > 3, "{told:?}");
    assert_eq!(last, "failed logs of pod default/web-0 container app: Internal error occurred: down");
    let mut logs = api(&cluster).tail(tail().follow());
    assert_eq!(next(&mut logs, 20).await, ["interrupted"; 20]);
    bad.remove();
    let line = within(async {
        loop {
            if let Event::Line(line) = logs.next().await.unwrap().unwrap() {
                return line;
            }
        }
    });
    assert_eq!(line.await.bytes(), b"one");
}

#[tokio::test]
async fn a_watch_that_is_cut_and_forgotten() {
    let cluster = cluster().await;
    cluster.apply(&running("web-0")).unwrap();
    cluster.container("default", "web-0", "app").log("hello");
    let mut logs = api(&cluster).tail(tail().follow());
    next(&mut logs, 2).await;
    cluster.faults().compact();
    cluster.faults().restart();
    cluster.apply(&running("web-1")).unwrap();
    cluster.container("default", "web-1", "app").log("hello");
    let found = lines(&mut logs, 1).await;
    assert_eq!(found.keys().collect::<Vec<_>>(), ["web-1/app"]);
    cluster.container("default", "web-0", "app").log("still here");
    let found = lines(&mut logs, 1).await;
    assert_eq!(found["web-0/app"], [b"still here"]);
}

#[tokio::test]
async fn a_slow_reader_slows_the_server_and_loses_nothing() {
    let cluster = cluster().await;
    cluster.apply(&running("web-0")).unwrap();
    let app = cluster.container("default", "web-0", "app");
    let line = |number: u32| format!("{number:06} {}", "x".repeat(1000));
    app.log_lines((0..30_000).map(|number| (at(i64::from(number)), line(number))));
    let mut logs = api(&cluster).tail(tail());
    next(&mut logs, 2).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    // 30 MB are there; what has left the server is what sockets and a batch take.
    let sent: u64 = cluster.requests().iter().filter(|it| it.path.ends_with("/log")).map(|it| it.sent).sum();
    assert!(sent < 15_000_000, "{sent} bytes");
    let found = lines(&mut logs, 29_999).await;
    let right = found["web-0/app"].iter().zip(1..).all(|(found, number)| *found == line(number).as_bytes());
    assert!(right);
}

#[tokio::test]
async fn a_stream_that_is_dropped_leaves_nothing() {
    let cluster = cluster().await;
    for number in 0..20 {
        let name = format!("web-{number}");
        cluster.apply(&running(&name)).unwrap();
        cluster.container("default", &name, "app").log("hello");
    }
    let before = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    for wait in [0, 1, 5, 20, 100] {
        let mut logs = api(&cluster).tail(tail().follow());
        let _ = tokio::time::timeout(Duration::from_millis(wait), next(&mut logs, 1000)).await;
    }
    within(cluster.until_no_requests()).await;
    within(async {
        while tokio::runtime::Handle::current().metrics().num_alive_tasks() > before + 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn patience_without_end() {
    let cluster = cluster().await;
    cluster.apply(&running("web-0")).unwrap();
    let app = cluster.container("default", "web-0", "app");
    let mut logs = api(&cluster).tail(tail().follow().silence(Duration::MAX)).merged_within(Duration::MAX);
    for number in 0..5 {
        app.log_at(at(number), number.to_string());
        lines(&mut logs, 1).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let requests = cluster.requests().into_iter().filter(|request| request.resource == "pods/log");
    assert_eq!(requests.count(), 1);
}

/// A log that nobody reads any more has not come to its end.
#[test]
fn a_runtime_that_is_shut_down() {
    let runtime =
        || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (server, first, second) = (runtime(), runtime(), runtime());
    let cluster = server.block_on(cluster());
    cluster.apply(&running("web-0")).unwrap();
    cluster.container("default", "web-0", "app").log_at(at(0), "hello");
    let logs = first.block_on(async {
        let mut logs = api(&cluster).tail(tail().follow());
        lines(&mut logs, 1).await;
        logs
    });
    first.shutdown_background();
    let failed = second.block_on(async {
        let failed = logs.try_filter_map(async |event| {
            Ok(if let Event::Failed(error) = event { Some(error) } else { None })
        });
        within(std::pin::pin!(failed).try_next()).await.unwrap().unwrap()
    });
    let expected = "logs of pod default/web-0 container app: ";
    assert!(
        failed.to_string().starts_with(expected) && matches!(failed.cause(), Cause::Lost { .. }),
        "{failed}"
    );
}
