//! Streamed lists that take long, and pages that take longer than the server remembers.

use std::time::Duration;

use futures::StreamExt as _;
use kube_ext::store::reflect::{Lists, Reflection};
use tokio::time::timeout;

use super::{
    names,
    scripted::{Answer, Asked, Log, added, end, server},
    settings,
};

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// One object every so many seconds.
fn slowly(wait: u64) -> impl Iterator<Item = (Duration, serde_json::Value)> {
    NAMES.iter().zip(1..).map(move |(name, version)| (seconds(wait), added(name, version)))
}

/// More than a streamed list may take.
const PATIENCE: Duration = Duration::from_secs(400);

async fn ready(reflection: &Reflection) {
    timeout(PATIENCE, reflection.ready()).await.unwrap().unwrap();
}

async fn until_lists(reflection: &Reflection, lists: u64) {
    let mut changes = reflection.changes();
    let until = async {
        while reflection.counts().lists < lists {
            changes.next().await;
        }
    };
    timeout(PATIENCE, until).await.unwrap();
}

/// How many streamed lists and pages were asked for.
fn lists(log: &Log) -> (usize, usize) {
    (log.count(Asked::is_streamed), log.count(|it| !it.is_watch()))
}

/// How long a watch is to last says nothing of how long a list may take. The watch after it lasts as long as it is to.
#[tokio::test(start_paused = true)]
async fn a_streamed_list_takes_longer_than_a_watch() {
    for choice in [Lists::Auto, Lists::Streamed] {
        let (api, log) = server(|asked, _| {
            if asked.is_streamed() {
                Answer::lines(slowly(14).chain([(seconds(1), end(9))])).open()
            } else {
                Answer::events([added("f", 10)]).open()
            }
        });
        let (store, told, reflect) = settings(api);
        let reflection = reflect.lists(choice).timeout(seconds(30)).start();
        ready(&reflection).await;
        assert_eq!(names(&store), NAMES);
        tokio::time::sleep(seconds(32)).await;
        assert_eq!(names(&store).len(), 6);
        assert_eq!(lists(&log), (1, 0));
        let asked: Vec<_> =
            log.all().iter().filter_map(|it| it.param("timeoutSeconds").map(str::to_owned)).collect();
        assert_eq!(asked, ["290", "30"]);
        assert!(told.errors().is_empty(), "{:?}", told.errors());
    }
}

/// One that takes it for a watch like any other is found out, however short a watch is to be.
#[tokio::test(start_paused = true)]
async fn no_streaming_and_short_watches() {
    let (api, log) =
        server(
            |asked, _| {
                if asked.is_watch() { Answer::lines(slowly(1)).open() } else { Answer::page(&NAMES, "") }
            },
        );
    let (store, told, reflect) = settings(api);
    let reflection = reflect.timeout(seconds(10)).start();
    ready(&reflection).await;
    assert_eq!((names(&store).len(), lists(&log)), (5, (1, 1)));
    assert_eq!(told.errors(), ["list configmaps in namespace default: the server has said nothing for 15s"]);
}

/// So is one where something happens all the time.
#[tokio::test(start_paused = true)]
async fn no_streaming_and_no_silence() {
    let (api, log) = server(|asked, _| {
        if asked.is_watch() {
            Answer::lines((0..1000).map(|count| (seconds(5), added("a", count))))
        } else {
            Answer::page(&NAMES, "")
        }
    });
    let (store, told, reflect) = settings(api);
    let reflection = reflect.start();
    ready(&reflection).await;
    assert_eq!((names(&store).len(), lists(&log)), (5, (1, 1)));
    assert_eq!(told.errors(), ["list configmaps in namespace default: it ended before it was whole"]);
}

/// A connection that is cut once is no reason for pages; the next one is.
#[tokio::test(start_paused = true)]
async fn streamed_lists_that_break_off() {
    for (breaks, expected) in [(1, (2, 0)), (usize::MAX, (2, 1))] {
        let (api, log) = server(move |asked, number| match (asked.is_streamed(), asked.is_watch()) {
            (true, _) if number <= breaks => Answer::lines(slowly(1)),
            (true, _) => Answer::lines(slowly(1).chain([(seconds(0), end(9))])).open(),
            (_, true) => Answer::events([]).open(),
            _ => Answer::page(&NAMES, ""),
        });
        let (store, _, reflect) = settings(api);
        let reflection = reflect.start();
        ready(&reflection).await;
        assert_eq!((names(&store).len(), lists(&log)), (5, expected));
    }
}

/// A server that stalls once may be well the next time; one that does it each time has no streaming lists.
#[tokio::test(start_paused = true)]
async fn stalled_streamed_lists() {
    for (stalls, expected) in [(1, (3, 1)), (usize::MAX, (2, 3))] {
        let (api, log) = server(move |asked, number| match (asked.is_streamed(), asked.is_watch()) {
            (true, _) if number <= stalls => Answer::lines(slowly(1)).open(),
            // All is to be listed again.
            (true, _) => Answer::events([added("a", 1), end(9), super::stubborn::gone()]),
            (_, true) => Answer::events([super::stubborn::gone()]),
            _ => Answer::page(&NAMES, ""),
        });
        let (_, _, reflect) = settings(api);
        let reflection = reflect.start();
        until_lists(&reflection, 3).await;
        assert_eq!(lists(&log), expected);
    }
}

/// A page that comes too late for its token is asked for with more in it, until it comes; and then with as many as before.
#[tokio::test(start_paused = true)]
async fn pages_that_are_too_slow() {
    for whole in ["20", ""] {
        let (api, log) = server(move |asked, number| {
            let limit = asked.param("limit").unwrap_or_default();
            match asked.is_watch() {
                // Once everything is to be listed again.
                true if number == 1 => Answer::events([added("f", 2), super::stubborn::gone()]),
                true => Answer::events([]).open(),
                false if asked.param("continue").is_some() => Answer::error(410),
                false if limit == whole || limit.is_empty() => Answer::page(&NAMES, ""),
                false => Answer::page(&NAMES[..2], "more"),
            }
        });
        let (store, told, reflect) = settings(api);
        let reflection = reflect.lists(Lists::Paged).page_size(2).backoff(seconds(1), seconds(1)).start();
        ready(&reflection).await;
        until_lists(&reflection, 2).await;
        assert_eq!(names(&store), NAMES);
        let pages = log.all();
        let pages = pages.iter().filter(|it| !it.is_watch() && it.param("continue").is_none());
        let limits: Vec<_> = pages.map(|it| it.param("limit").unwrap_or_default().to_owned()).collect();
        let once = if whole == "20" { vec!["2", "20"] } else { vec!["2", "20", ""] };
        assert_eq!(limits, [once.clone(), once].concat());
        assert!(told.errors().iter().all(|error| error.contains("no 410")), "{:?}", told.errors());
    }
}
