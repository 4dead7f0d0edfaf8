//! Servers that do not say of which version they tell.

use std::time::Duration;

use kube_ext::store::reflect::{Cause, Lists};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::{
    PATIENCE, names, ready,
    scripted::{Answer, Asked, added, end, server, unversioned},
    settings, words,
};

fn bookmark(version: &str) -> Value {
    let metadata = json!({"resourceVersion": version});
    json!({"type": "BOOKMARK", "object": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}})
}

/// From no version a watch would begin now, and what was deleted before would stay.
#[tokio::test(start_paused = true)]
async fn a_bookmark_without_a_version_does_not_take_that_of_before() {
    for lists in [Lists::Paged, Lists::Streamed] {
        let (api, log) = server(|asked, number| match (asked.is_streamed(), asked.is_watch()) {
            (true, _) => Answer::events([added("a", 1), bookmark(""), end(1), bookmark("")]),
            (_, true) if number == 1 => Answer::events([bookmark("")]),
            (_, true) if number == 2 => Answer::events([added("b", 2), bookmark("")]),
            (_, true) if number == 3 => Answer::events([bookmark("3"), bookmark("")]),
            (_, true) => Answer::events([]).open(),
            _ => Answer::page(&["a"], ""),
        });
        let (store, told, reflect) = settings(api);
        let reflection = reflect.lists(lists).start();
        ready(&reflection).await;
        sleep(Duration::from_secs(5)).await;
        assert_eq!(
            (names(&store), words(&reflection.state())),
            (vec!["a".into(), "b".into()], "live".into())
        );
        let watches: Vec<_> =
            log.all().iter().filter(|it| it.is_watch() && !it.is_streamed()).map(version).collect();
        assert_eq!(watches, ["1", "1", "2", "3"], "{lists:?}");
        assert_eq!((told.errors(), reflection.counts().lists), (vec![], 1));
    }
}

fn version(asked: &Asked) -> String {
    asked.param("resourceVersion").unwrap_or_default().to_owned()
}

/// A list of no version is not whole, streamed or in pages.
#[tokio::test(start_paused = true)]
async fn a_list_without_a_version_is_an_error() {
    for lists in [Lists::Paged, Lists::Streamed] {
        let (api, log) = server(|asked, number| match (asked.is_streamed(), asked.is_watch()) {
            (true, _) if number == 1 => Answer::events([added("a", 1), unversioned(end(1))]),
            (true, _) => Answer::events([added("a", 1), end(1)]).open(),
            (_, true) => Answer::events([]).open(),
            _ if number == 1 => Answer::page_of(&["a"], "", ""),
            _ => Answer::page(&["a"], ""),
        });
        let (store, told, reflect) = settings(api);
        let reflection = reflect.lists(lists).start();
        ready(&reflection).await;
        assert_eq!(
            told.errors(),
            ["list configmaps in namespace default: the list has no resourceVersion"],
            "{lists:?}"
        );
        assert!(matches!(reflection.last_error().unwrap().cause(), Cause::NoVersion));
        assert_eq!((names(&store), reflection.counts().lists), (vec!["a".into()], 1));
        assert_eq!(log.count(|it| it.is_watch() && version(it).is_empty() && !it.is_streamed()), 0);
    }
}

/// Where streamed lists have none, pages may.
#[tokio::test(start_paused = true)]
async fn pages_where_streamed_lists_have_no_version() {
    let (api, log) = server(|asked, _| match (asked.is_streamed(), asked.is_watch()) {
        (true, _) => Answer::events([added("a", 1), unversioned(end(1))]).open(),
        (_, true) => Answer::events([]).open(),
        _ => Answer::page(&["a"], ""),
    });
    let (_, told, reflect) = settings(api);
    let reflection = reflect.start();
    timeout(PATIENCE, reflection.ready()).await.unwrap().unwrap();
    assert_eq!((log.count(Asked::is_streamed), told.errors().len()), (1, 1));
}
