//! Streamed lists, lists in pages, and which of them it is.

use std::time::Duration;

use kube_ext::{
    fake::Fault,
    store::reflect::{Cause, Lists},
};

use http::{Request, Response};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client, client::Body};
use serde_json::json;

use super::{calls, cluster, create, names, ready, settings, start, until, until_names, words};

/// As a server answers whose feature gate is off, and one that is older than that.
fn refusals() -> [Fault; 2] {
    let invalid = |cause: &str| {
        Fault::status(422, "Invalid", format!("ListOptions.meta.k8s.io \"\" is invalid: {cause}"))
    };
    [
        invalid(
            "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled",
        ),
        invalid("resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch"),
    ]
}

#[tokio::test]
async fn pages_where_there_are_no_streaming_lists() {
    for refusal in refusals() {
        let (cluster, api) = cluster(&["a", "b", "c"]).await;
        let refused = cluster.faults().add(calls("watch").first(1), refusal);
        let (store, told, reflect) = settings(api);
        let reflection = reflect.page_size(2).start();
        ready(&reflection).await;
        assert_eq!(names(&store), ["a", "b", "c"]);
        // It is no error, and is not tried again.
        create(&cluster, "d");
        until_names(&store, &["a", "b", "c", "d"]).await;
        cluster.faults().compact();
        cluster.faults().add(calls("watch").first(1), Fault::expired());
        cluster.faults().restart();
        until("a second list", || reflection.counts().lists == 2).await;
        let asked = cluster.requests();
        let asked = asked.iter().filter(|it| it.user == "watcher");
        let streamed = asked.clone().filter(|it| it.param("sendInitialEvents").is_some()).count();
        assert_eq!((streamed, refused.hits()), (1, 1));
        assert_eq!(asked.filter(|it| it.verb == "list").count(), 4);
        assert!(told.errors().iter().all(|error| !error.contains("forbidden")), "{:?}", told.errors());
    }
}

/// Who asks for streamed lists and nothing else is told.
#[tokio::test]
async fn no_pages_unless_they_are_wanted() {
    let [refusal, _] = refusals();
    let (cluster, api) = cluster(&["a"]).await;
    cluster.faults().add(calls("watch"), refusal);
    let (_, _, reflect) = settings(api);
    let reflection = reflect.lists(Lists::Streamed).start();
    let error = reflection.ready().await.unwrap_err();
    assert!(error.to_string().contains("sendInitialEvents is forbidden for watch"), "{error}");
}

/// Other errors are no reason for pages.
#[tokio::test]
async fn streamed_lists_that_fail_are_streamed_again() {
    let (cluster, api) = cluster(&["a"]).await;
    cluster.faults().add(calls("watch").nth(1), Fault::internal_error("no"));
    cluster.faults().add(calls("watch").nth(2), Fault::status(400, "BadRequest", "something else"));
    let (_, told, reflection) = start(api);
    super::until_state(&reflection, "live").await;
    assert_eq!(told.errors().len(), 2);
    assert!(cluster.requests().iter().all(|it| it.verb == "watch"));
}

/// One that takes it for a watch like any other never says where the list ends: what came is no list.
#[tokio::test]
async fn pages_where_a_streamed_list_never_ends() {
    for lists in [Lists::Auto, Lists::Streamed] {
        let (cluster, api) = cluster(&["a", "b"]).await;
        cluster.faults().add(calls("watch").first(1), Fault::cut_after_events(1).stalling());
        let (store, told, reflect) = settings(api);
        let reflection = reflect.lists(lists).timeout(Duration::from_secs(1)).start();
        until("an error", || !told.errors().is_empty()).await;
        assert!(matches!(reflection.last_error().unwrap().cause(), Cause::Silent(it) if it.as_secs() == 6));
        ready(&reflection).await;
        assert_eq!(names(&store), ["a", "b"]);
        let pages = cluster.requests().iter().filter(|it| it.verb == "list").count();
        assert_eq!(pages, usize::from(lists == Lists::Auto));
    }
}

#[tokio::test]
async fn pages_have_the_size_that_is_asked_for() {
    let (cluster, api) = cluster(&["a", "b", "c", "d", "e"]).await;
    for (size, expected) in [(None, "100"), (Some(2), "2"), (Some(0), "")] {
        cluster.forget_requests();
        let (store, _, reflect) = settings(api.clone());
        let reflect = reflect.lists(Lists::Paged);
        let reflect = if let Some(size) = size { reflect.page_size(size) } else { reflect };
        let reflection = reflect.start();
        ready(&reflection).await;
        assert_eq!(names(&store).len(), 5);
        let limits = cluster.requests();
        let limits: Vec<_> =
            limits.iter().filter(|it| it.verb == "list").map(|it| it.param("limit")).collect();
        assert_eq!(limits.len(), if size == Some(2) { 3 } else { 1 });
        assert!(limits.iter().all(|limit| limit.as_deref().unwrap_or_default() == expected), "{limits:?}");
    }
}

/// A list that breaks off between two pages is not taken for whole, the first one nor a later one.
#[tokio::test]
async fn a_list_that_breaks_off() {
    for fault in [Fault::expired(), Fault::internal_error("no"), Fault::cut_after_bytes(100)] {
        let (cluster, api) = cluster(&["a", "b", "c"]).await;
        cluster.faults().add(calls("list").nth(2), fault.clone());
        let (store, told, reflect) = settings(api);
        let reflection = reflect.lists(Lists::Paged).page_size(1).start();
        ready(&reflection).await;
        assert_eq!((names(&store).len(), told.errors().len()), (3, 1));
        assert_eq!(reflection.counts().listed, 4);

        let page = cluster.faults().add(calls("list").nth(2), fault);
        cluster.faults().add(calls("watch").first(1), Fault::expired());
        cluster.faults().restart();
        until("two more lists", || page.hits() == 1 && reflection.counts().lists == 2).await;
        assert_eq!(names(&store), ["a", "b", "c"]);
        until("live", || words(&reflection.state()) == "live").await;
    }
}

/// A server may tell of deletions before the list is at its end.
#[tokio::test]
async fn deleted_while_a_streamed_list_comes() {
    let event = |what: &str, name: &str| json!({"type": what, "object": super::value(name)}).to_string();
    let end = json!({"annotations": {"k8s.io/initial-events-end": "true"}, "resourceVersion": "7"});
    let end =
        json!({"type": "BOOKMARK", "object": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": end}});
    let lines = [
        event("ADDED", "a"),
        event("ADDED", "b"),
        event("DELETED", "a"),
        event("ADDED", "c"),
        event("DELETED", "c"),
        event("ADDED", "c"),
        event("DELETED", "never"),
        end.to_string(),
    ];
    let body = lines.join("\n").into_bytes();
    let service = tower::service_fn(move |request: Request<Body>| {
        let body = body.clone();
        async move {
            if !request.uri().query().unwrap_or_default().contains("sendInitialEvents") {
                // No watch after it makes good what the list has wrong.
                std::future::pending::<()>().await;
            }
            Ok::<_, std::convert::Infallible>(Response::new(Body::from(body)))
        }
    });
    let (store, _, reflection) = start(Api::<ConfigMap>::all(Client::new(service, "default")));
    ready(&reflection).await;
    assert_eq!(names(&store), ["b", "c"]);
}
