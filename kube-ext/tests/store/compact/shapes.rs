//! Objects that change their shape: dictionaries come and go, and the objects stay.

use std::collections::BTreeMap;

use fastrand::Rng;
use kube::runtime::watcher::Event;
use kube_ext::store::{Raw, compact};

use super::{assert_holds, pod, put};

#[test]
fn objects_stay_while_dictionaries_come_and_go() {
    let (store, mut writer) = compact();
    let mut objects = BTreeMap::new();
    let mut rng = Rng::with_seed(1);
    for shape in ["web", "database", "queue"] {
        for number in 0..1500 {
            let object = pod(&format!("pod-{}", number % 600), shape, &mut rng);
            put(&mut writer, &mut objects, object);
            if number % 500 == 499 {
                assert_holds(&store, &objects);
            }
        }
    }
    // The same again changes nothing, and is there.
    for object in objects.values() {
        writer.apply_watcher_event(super::apply(object)).unwrap();
    }
    assert_holds(&store, &objects);
    // And a list of half of them.
    writer.apply_watcher_event(Event::Init).unwrap();
    let mut number = 0;
    objects.retain(|_, _| {
        number += 1;
        number % 2 == 0
    });
    for object in objects.values() {
        let raw = Raw::from_json(&object.to_string()).unwrap();
        writer.apply_watcher_event(Event::InitApply(raw)).unwrap();
    }
    writer.apply_watcher_event(Event::InitDone).unwrap();
    assert_holds(&store, &objects);
}
