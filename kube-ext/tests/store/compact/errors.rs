//! What cannot be kept, or read: it is said, and all else is as it was.

use k8s_openapi::api::core::v1::Pod;
use kube::runtime::{reflector::ObjectRef, watcher::Event};
use kube_ext::store::{CompactError, CompactStore, Raw, compact};
use serde::Deserialize;
use serde_json::{Value, json};

use super::apply;

#[derive(Deserialize, PartialEq, Debug)]
struct Row {
    n: u8,
}

fn raw(json: &Value) -> Raw<Pod> {
    Raw::from_json(&json.to_string()).unwrap()
}

/// The store has what it had, while a list comes and when it is whole.
#[test]
fn an_object_whose_row_cannot_be_read() {
    let (store, mut writer) = CompactStore::<Pod, Row>::builder().build();
    let object = |name: &str, n: u32| json!({"metadata": {"name": name, "namespace": "default"}, "n": n});
    writer.apply_watcher_event(Event::Apply(raw(&object("a", 1)))).unwrap();
    writer.apply_watcher_event(Event::Apply(raw(&object("b", 1)))).unwrap();
    let text = |result: Result<(), CompactError>| result.unwrap_err().to_string();
    let event = Event::Apply(raw(&object("a", 256)));
    assert!(
        text(writer.apply_watcher_event(event))
            .starts_with("put pod default/a into the store: invalid value")
    );
    writer.apply_watcher_event(Event::Init).unwrap();
    let event = Event::InitApply(raw(&object("a", 257)));
    assert!(text(writer.apply_watcher_event(event)).starts_with("put pod default/a into the store: "));
    let event = Event::InitApply(raw(&object("c", 258)));
    assert!(text(writer.apply_watcher_event(event)).starts_with("put pod default/c into the store: "));
    writer.apply_watcher_event(Event::InitDone).unwrap();
    let names: Vec<_> = store.keys().into_iter().map(|it| it.name).collect();
    assert_eq!(names, ["a"]);
    assert_eq!(store.find_all(|row| row.n == 1).len(), 1);
    assert_eq!(
        store.get_json(&ObjectRef::new("a").within("default")).unwrap().unwrap(),
        object("a", 1).to_string()
    );
    // And it goes on.
    writer.apply_watcher_event(Event::Apply(raw(&object("a", 2)))).unwrap();
    assert_eq!(store.find_all(|row| row.n == 2).len(), 1);
}

#[test]
fn names_that_are_none() {
    let (store, mut writer) = compact::<Pod>();
    let mut put =
        |metadata: Value| writer.apply_watcher_event(Event::Apply(raw(&json!({"metadata": metadata}))));
    let error = put(json!({"namespace": "default"})).unwrap_err();
    assert!(matches!(error, CompactError::NoName { .. }));
    assert_eq!(error.to_string(), "put pod into the store: it has no name");
    let error = put(json!({"namespace": "n".repeat(300), "name": "a"})).unwrap_err();
    assert!(error.to_string().ends_with("/a into the store: namespace or name is too long"), "{error}");
    put(json!({"namespace": "default", "name": "n".repeat(60_000)})).unwrap();
    assert_eq!(store.len(), 1);
    // What has no name cannot be deleted, either.
    assert!(writer.apply_watcher_event(Event::Delete(raw(&json!({"metadata": {}})))).is_err());
}

/// It is kept, and `get` says what is wrong with it; the others are not hidden by it.
#[test]
fn an_object_that_is_not_of_its_kind() {
    let (store, mut writer) = compact::<Pod>();
    writer.apply_watcher_event(apply(&json!({"metadata": {"name": "a"}, "spec": "none"}))).unwrap();
    writer.apply_watcher_event(apply(&json!({"metadata": {"name": "b"}}))).unwrap();
    let error = store.get(&ObjectRef::new("a")).unwrap_err();
    assert!(matches!(error, CompactError::Get { .. }));
    assert!(error.to_string().starts_with("get pod a from the store: invalid type"), "{error}");
    assert!(store.get_json(&ObjectRef::new("a")).unwrap().is_some());
    let (good, bad): (Vec<_>, Vec<_>) = store.objects().partition(Result::is_ok);
    assert_eq!((good.len(), bad.len()), (1, 1));
}

#[tokio::test]
async fn a_writer_that_is_dropped() {
    let (store, mut writer) = compact::<Pod>();
    writer.apply_watcher_event(Event::Init).unwrap();
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { store.wait_until_ready().await }
    });
    tokio::task::yield_now().await;
    drop(writer);
    assert!(matches!(waiting.await.unwrap(), Err(CompactError::WriterDropped)));
    assert!(matches!(store.wait_until_ready().await, Err(CompactError::WriterDropped)));

    // Once a list was whole, the store is ready for good.
    let (store, mut writer) = compact::<Pod>();
    writer.apply_watcher_event(Event::Init).unwrap();
    writer.apply_watcher_event(apply(&json!({"metadata": {"name": "a"}}))).unwrap();
    writer.apply_watcher_event(Event::InitDone).unwrap();
    drop(writer);
    store.wait_until_ready().await.unwrap();
    assert!(store.get(&ObjectRef::new("a")).unwrap().is_some());
}
