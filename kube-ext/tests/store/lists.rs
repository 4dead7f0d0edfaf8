//! Lists that come again, event by event.

use futures::{FutureExt as _, StreamExt as _, stream};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::runtime::{
    reflector::{ObjectRef, reflector, store},
    watcher::Event,
};
use kube_ext::store::{WatchEventsExt as _, map_event};

use crate::{Fed, error, map, words};

fn filled(names: &[&str]) -> Fed<ConfigMap> {
    let mut fed = Fed::relisted(());
    assert_eq!(words(&fed.feed(Ok(Event::Init))), ["init"]);
    for name in names {
        assert_eq!(
            words(&fed.feed(Ok(Event::InitApply(map(name, "1", 1))))),
            [format!("init apply {name} 1")]
        );
    }
    assert_eq!(words(&fed.feed(Ok(Event::InitDone))), ["done"]);
    assert_eq!(fed.store.len(), names.len());
    fed
}

#[test]
fn a_list_that_comes_again_is_changes() {
    let mut fed = filled(&["a", "b", "c"]);
    assert!(fed.feed(Ok(Event::Init)).is_empty());
    assert_eq!(words(&fed.feed(Ok(Event::InitApply(map("b", "1", 2))))), ["apply b 1"]);
    assert_eq!(words(&fed.feed(Ok(Event::InitApply(map("d", "1", 2))))), ["apply d 1"]);
    // Nothing is gone before all is known.
    assert_eq!(fed.store.len(), 4);
    let mut gone = words(&fed.feed(Ok(Event::InitDone)));
    gone.sort();
    assert_eq!(gone, ["delete a 1", "delete c 1"]);
    let names: Vec<_> = fed.contents().into_keys().map(|(_, name)| name).collect();
    assert_eq!(names, ["b", "d"]);
    // And so on.
    assert_eq!(words(&fed.feed(Ok(Event::Apply(map("e", "1", 3))))), ["apply e 1"]);
    assert_eq!(words(&fed.feed(Ok(Event::Delete(map("b", "1", 4))))), ["delete b 1"]);
    fed.feed(Ok(Event::Init));
    fed.feed(Ok(Event::InitApply(map("d", "1", 2))));
    assert_eq!(words(&fed.feed(Ok(Event::InitDone))), ["delete e 1"]);
}

#[test]
fn a_list_of_nothing() {
    let mut fed = filled(&["a", "b"]);
    fed.feed(Ok(Event::Init));
    assert_eq!(fed.feed(Ok(Event::InitDone)).len(), 2);
    assert!(fed.store.is_empty());
    assert!(fed.feed(Ok(Event::Init)).is_empty());
    assert!(fed.feed(Ok(Event::InitDone)).is_empty());
}

/// Only a list that is whole deletes: what one had before its end says nothing of what the next one has.
#[test]
fn a_list_that_breaks_off_deletes_nothing() {
    let mut fed = filled(&["a", "b", "c"]);
    fed.feed(Ok(Event::Init));
    fed.feed(Ok(Event::InitApply(map("a", "1", 2))));
    assert_eq!(fed.feed(Err(error())).len(), 1);
    assert_eq!(fed.store.len(), 3);
    assert!(fed.feed(Ok(Event::Init)).is_empty());
    assert_eq!(fed.store.len(), 3);
    // What the first try had is not listed any more.
    fed.feed(Ok(Event::InitApply(map("b", "1", 2))));
    fed.feed(Ok(Event::InitApply(map("c", "1", 2))));
    assert_eq!(words(&fed.feed(Ok(Event::InitDone))), ["delete a 1"]);
}

/// A streamed list goes on after some errors.
#[test]
fn a_list_goes_on_after_an_error() {
    let mut fed = filled(&["a", "b", "c"]);
    fed.feed(Ok(Event::Init));
    fed.feed(Ok(Event::InitApply(map("a", "1", 2))));
    fed.feed(Err(error()));
    fed.feed(Ok(Event::InitApply(map("b", "1", 2))));
    fed.feed(Ok(Event::InitApply(map("b", "1", 3))));
    assert_eq!(words(&fed.feed(Ok(Event::InitDone))), ["delete c 1"]);
}

#[test]
fn the_first_list_may_break_off() {
    let mut fed = Fed::<ConfigMap>::relisted(());
    let ready = |fed: &Fed<ConfigMap>| fed.store.wait_until_ready().now_or_never().is_some();
    fed.feed(Ok(Event::Init));
    fed.feed(Ok(Event::InitApply(map("a", "1", 1))));
    fed.feed(Err(error()));
    assert_eq!(words(&fed.feed(Ok(Event::Init))), ["init"]);
    fed.feed(Ok(Event::InitApply(map("b", "1", 1))));
    assert!(!ready(&fed));
    assert_eq!(words(&fed.feed(Ok(Event::InitDone))), ["done"]);
    assert!(ready(&fed));
    assert_eq!(fed.store.len(), 1);
}

/// The old one's place is the new one's: a late `Delete` of the old one would take the new one away.
#[test]
fn created_again_under_its_name() {
    let mut fed = filled(&["a", "b"]);
    fed.feed(Ok(Event::Init));
    fed.feed(Ok(Event::InitApply(map("a", "2", 5))));
    assert_eq!(words(&fed.feed(Ok(Event::InitDone))), ["delete b 1"]);
    let a = fed.store.get(&ObjectRef::new("a").within("default")).unwrap();
    assert_eq!(a.metadata.uid.as_deref(), Some("2"));
}

/// What comes while a list is under way is there: kube's watcher has no such events, but others may.
#[test]
fn applied_while_a_list_comes() {
    let mut fed = filled(&["a", "b"]);
    fed.feed(Ok(Event::Init));
    fed.feed(Ok(Event::Apply(map("new", "1", 2))));
    fed.feed(Ok(Event::InitApply(map("a", "1", 2))));
    assert_eq!(words(&fed.feed(Ok(Event::InitDone))), ["delete b 1"]);
    assert_eq!(fed.store.len(), 2);
}

#[test]
fn dropped_while_a_list_comes() {
    let mut fed = filled(&["a", "b", "c"]);
    fed.feed(Ok(Event::Init));
    fed.feed(Ok(Event::InitApply(map("a", "1", 2))));
    let store = fed.store.clone();
    drop(fed);
    assert_eq!(store.len(), 3);
    let mut fed = filled(&["a", "b", "c"]);
    fed.feed(Ok(Event::Init));
    // The list is whole, but only one of what is gone has been asked for.
    fed.send(Ok(Event::InitDone));
    assert!(matches!(fed.next(), Some(Ok(Event::Delete(_)))));
    let store = fed.store.clone();
    drop(fed);
    assert_eq!(store.len(), 2);
}

#[tokio::test]
async fn the_end_comes_after_what_is_gone() {
    let (reader, writer) = store::<ConfigMap>();
    let list = |names: &[&str]| {
        let applied = names.iter().map(|name| Ok(Event::InitApply(map(name, "1", 1))));
        let mut events = vec![Ok(Event::Init)];
        events.extend(applied);
        events.push(Ok(Event::InitDone));
        events
    };
    let events = stream::iter(list(&["a", "b"]).into_iter().chain(list(&["b"])));
    let events: Vec<_> = reflector(writer, events.relist(reader.clone())).collect().await;
    assert_eq!(
        words(&events),
        ["init", "init apply a 1", "init apply b 1", "done", "apply b 1", "delete a 1"]
    );
    reader.wait_until_ready().await.unwrap();
    assert_eq!(reader.len(), 1);
}

#[tokio::test]
async fn events_of_another_type() {
    let number = |map: ConfigMap| map.metadata.resource_version.unwrap().parse::<u64>().unwrap();
    let events = [
        Ok(Event::Init),
        Ok(Event::InitApply(map("a", "1", 1))),
        Ok(Event::InitDone),
        Err(error()),
        Ok(Event::Apply(map("b", "1", 2))),
        Ok(Event::Delete(map("a", "1", 3))),
    ];
    let mapped: Vec<_> = stream::iter(events).map_events(number).collect().await;
    let texts: Vec<_> = mapped.iter().map(|event| format!("{event:?}")).collect();
    let expected = [
        "Ok(Init)",
        "Ok(InitApply(1))",
        "Ok(InitDone)",
        "Err(NoResourceVersion)",
        "Ok(Apply(2))",
        "Ok(Delete(3))",
    ];
    assert_eq!(texts, expected);
    assert!(matches!(map_event(Event::Delete(map("a", "1", 7)), number), Event::Delete(7)));
}
