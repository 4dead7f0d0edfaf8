//! Watches that a server does not take up again, however often it is asked.

use std::time::Duration;

use kube_ext::store::reflect::Lists;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    names, ready,
    scripted::{Answer, Asked, added, end, server, status},
    settings, states_until,
};

/// As the API server says no to a watch that it has accepted.
fn error(code: u16) -> Value {
    json!({"type": "ERROR", "object": status(code)})
}

/// It knows the version no more.
pub(super) fn gone() -> Value {
    error(410)
}

/// A watch that is too old as soon as it begins is no reason to list everything at short intervals for ever.
#[tokio::test(start_paused = true)]
async fn lists_do_not_make_good_for_watches() {
    for lists in [Lists::Paged, Lists::Streamed] {
        let (api, log) = server(|asked, _| match (asked.is_streamed(), asked.is_watch()) {
            (true, _) => Answer::events([added("a", 1), end(1)]),
            (_, true) => Answer::events([gone()]),
            _ => Answer::page(&["a"], ""),
        });
        let (_, _, reflect) = settings(api);
        let backoff = (Duration::from_secs(1), Duration::from_secs(30));
        let reflection = reflect.lists(lists).backoff(backoff.0, backoff.1).start();
        sleep(Duration::from_secs(600)).await;
        // With at most 30 seconds between them there are twenty, and some at the beginning.
        let count = log.count(|it| it.is_streamed() || !it.is_watch());
        assert!((20..30).contains(&count), "{count}");
        drop(reflection);
    }
}

/// Nothing has to happen for a watch to be well.
#[tokio::test(start_paused = true)]
async fn quiet_watches_shorten_the_wait() {
    let (api, log) = server(|asked, number| match asked.is_watch() {
        // Some fail, then all is quiet.
        true if number <= 8 || number == 10 => Answer::error(429),
        true => Answer::events([]).open(),
        false => Answer::page(&["a"], ""),
    });
    let (_, told, reflect) = settings(api);
    let (first, longest) = (Duration::from_secs(1), Duration::from_secs(600));
    let reflection =
        reflect.lists(Lists::Paged).timeout(Duration::from_secs(10)).backoff(first, longest).start();
    ready(&reflection).await;
    while told.errors().len() < 9 {
        sleep(Duration::from_millis(100)).await;
    }
    let before = log.count(Asked::is_watch);
    assert_eq!(before, 10);
    // It would be minutes.
    sleep(Duration::from_secs(3)).await;
    assert_eq!(log.count(Asked::is_watch), 11);
}

/// A watch is known to be well when it has told something, or has not said no for a while: one that expires is not live in between.
#[tokio::test(start_paused = true)]
async fn not_live_before_the_server_has_said_so() {
    let soon = Duration::from_millis(100);
    let (api, _) = server(move |asked, number| match (asked.is_watch(), number) {
        // No list before the states were seen.
        (true, 1 | 4) | (false, 2) => Answer::error(403),
        (true, 2) => Answer::lines([(soon, gone())]),
        (true, 3) => Answer::lines([(soon, added("b", 2))]),
        (true, _) => Answer::events([]).open(),
        (false, 1) => Answer::page(&["a"], ""),
        (false, _) => Answer::page(&["a", "c"], ""),
    });
    let (store, _, reflect) = settings(api);
    let second = Duration::from_secs(1);
    let reflection = reflect.lists(Lists::Paged).backoff(second, second).start();
    let mut changes = reflection.changes();
    let of = "configmaps in namespace default";
    let watch_refused = format!("stale: watch {of}: no 403");
    let first = states_until(&mut changes, |it| it == watch_refused).await;
    assert!(first.starts_with(&["starting".to_owned()]), "{first:?}");
    let states = states_until(&mut changes, |it| it == "live").await;
    assert_eq!(states, [&format!("stale: watch {of}: no 410"), &format!("stale: list {of}: no 403"), "live"]);
    assert_eq!(names(&store), ["a", "c"]);
    // The next watch tells something and ends, the one after it is refused, and the last one is quiet.
    let states = states_until(&mut changes, |it| it == watch_refused).await;
    assert_eq!(states, [watch_refused.as_str()]);
    assert_eq!(names(&store), ["a", "b", "c"]);
    let begun = tokio::time::Instant::now();
    assert_eq!(states_until(&mut changes, |it| it == "live").await, ["live"]);
    // A second until it is tried again, and another of quiet.
    assert!(begun.elapsed() >= second * 2 && begun.elapsed() < second * 4);
}

/// What a server has against a version may be cured by a list, whatever it calls it.
#[tokio::test(start_paused = true)]
async fn listed_again_when_a_version_is_refused() {
    for (code, is_event, expected) in [
        (400, false, Some(1)),
        (400, true, Some(1)),
        (500, false, Some(3)),
        (500, true, Some(3)),
        (503, false, Some(3)),
        (401, false, None),
        (403, false, None),
        (404, false, None),
        (429, false, None),
    ] {
        let (api, log) = server(move |asked, _| match (asked.is_watch(), asked.param("resourceVersion")) {
            // It knows nothing of the version of the first list.
            (true, Some("1")) if is_event => Answer::events([error(code)]),
            (true, Some("1")) => Answer::error(code),
            (true, _) => Answer::events([]).open(),
            _ => Answer::page(&["a"], ""),
        });
        let (_, told, reflect) = settings(api);
        let reflection = reflect.lists(Lists::Paged).start();
        sleep(Duration::from_secs(5)).await;
        let lists = log.count(|it| !it.is_watch());
        match expected {
            Some(watches) => assert_eq!(log.count(Asked::is_watch) / (lists - 1), watches, "{code}"),
            None => assert_eq!(lists, 1, "{code}"),
        }
        assert!(told.errors().len() > 4, "{code}");
        drop(reflection);
    }
}

/// A connection that is cut says nothing of the version.
#[tokio::test(start_paused = true)]
async fn not_listed_again_when_connections_are_cut() {
    let (api, log) = server(|asked, number| match asked.is_watch() {
        // Another version, of which this is the first answer, and the next one the second.
        true if number % 4 == 1 => Answer::events([added("a", number as u64 + 1), error(500)]),
        true if number % 4 == 0 => Answer::error(500),
        true => Answer::events([]),
        false => Answer::page(&["a"], ""),
    });
    let (_, told, reflect) = settings(api);
    let reflection = reflect.lists(Lists::Paged).start();
    sleep(Duration::from_secs(5)).await;
    assert_eq!(log.count(|it| !it.is_watch()), 1);
    assert!(told.errors().len() > 10);
    drop(reflection);
}
