//! One value of many.
use k8s_openapi::api::core::v1::Pod;
use kube_ext::slim::{Interned, Slim};
use serde_json::{Value, json};

#[derive(Slim, Debug, PartialEq)]
#[slim(of = Pod)]
struct Folds {
    #[slim(path = "status.containerStatuses[].restartCount", fold = sum)]
    restarts: u32,
    #[slim(path = "status.containerStatuses[].restartCount", fold = first)]
    first_restarts: Option<i64>,
    #[slim(path = "status.containerStatuses[].ready", fold = any)]
    any_ready: bool,
    #[slim(path = "status.containerStatuses[]", fold = count)]
    statuses: usize,
    #[slim(path = "status.containerStatuses[].lastState.terminated", fold = count)]
    ended: u8,
    #[slim(path = "status.containerStatuses[].lastState.terminated.exitCode", fold = first)]
    code: Option<i32>,
    #[slim(path = "spec.containers[]", fold = count)]
    containers: u8,
    #[slim(path = "spec.containers[].image", fold = join)]
    images: Interned,
    #[slim(path = "spec.containers[].ports[].containerPort", fold = join, separator = " + ")]
    ports: Option<String>,
    #[slim(path = "spec.containers[].ports[].containerPort", fold = sum)]
    sum: i8,
}

fn read(object: &Value) -> Folds {
    serde_json::from_str(&object.to_string()).expect("a view")
}

fn nothing() -> Folds {
    read(&json!({}))
}

#[test]
fn of_several() {
    let status = |restarts: i32, ready: bool, code: Option<i32>| {
        let last = code.map(|code| json!({"terminated": {"exitCode": code}}));
        json!({"name": "a", "restartCount": restarts, "ready": ready, "lastState": last})
    };
    let folds = read(&json!({
        "spec": {"containers": [
            {"name": "a", "image": "one", "ports": [{"containerPort": 80}, {"containerPort": 100}]},
            {"name": "b", "image": "two", "ports": []}, {"name": "c", "ports": [{"containerPort": 1}]},
        ]},
        "status": {"containerStatuses": [
            status(2, false, None), status(5, true, Some(137)), status(0, false, Some(1)),
        ]},
    }));
    let expected = Folds {
        restarts: 7,
        first_restarts: Some(2),
        any_ready: true,
        statuses: 3,
        ended: 2,
        code: Some(137),
        containers: 3,
        images: "one,two".into(),
        ports: Some("80 + 100 + 1".into()),
        sum: i8::MAX,
    };
    assert_eq!(folds, expected);
}

#[test]
fn of_none() {
    let none = nothing();
    assert_eq!((none.restarts, none.first_restarts, none.any_ready, none.statuses), (0, None, false, 0));
    assert_eq!((none.containers, &*none.images, none.ports), (0, "", None));
    for object in [
        json!({"spec": {"containers": []}, "status": {"containerStatuses": null}}),
        json!({"spec": {"containers": [null]}, "status": {"containerStatuses": [null, null]}}),
    ] {
        assert_eq!(read(&object), nothing(), "{object}");
    }
}

#[test]
fn of_those_that_are_there() {
    let folds = read(&json!({"status": {"containerStatuses": [
        {}, {"restartCount": null, "ready": null, "lastState": null}, {"lastState": {"terminated": null}},
        {"restartCount": 3, "ready": false, "lastState": {"terminated": {}}},
    ]}}));
    assert_eq!((folds.restarts, folds.first_restarts, folds.any_ready), (3, Some(3), false));
    assert_eq!((folds.statuses, folds.ended, folds.code), (4, 1, None));
}

#[test]
fn a_number_stays_at_its_end() {
    let statuses = |counts: &[i64]| {
        let counts: Vec<_> = counts.iter().map(|count| json!({"restartCount": count})).collect();
        json!({"status": {"containerStatuses": counts}})
    };
    assert_eq!(read(&statuses(&[i64::from(u32::MAX), 1])).restarts, u32::MAX);
    assert_eq!(read(&statuses(&[-1])).restarts, 0);
}

/// What a field has no room for is not what its sum is made of.
#[test]
fn a_sum_is_exact_until_it_is_kept() {
    let ports = |ports: &[i64]| {
        let ports: Vec<_> = ports.iter().map(|port| json!({"containerPort": port})).collect();
        json!({"spec": {"containers": [{"name": "a", "ports": ports}]}})
    };
    for (all, sum) in [
        (&[300][..], i8::MAX),
        (&[-300], i8::MIN),
        (&[100, 100, -150], 50),
        (&[i64::MAX, i64::MAX, i64::MIN, i64::MIN], -2),
    ] {
        assert_eq!(read(&ports(all)).sum, sum, "{all:?}");
    }
    let text = json!({"spec": {"containers": [{"ports": [{"containerPort": "80"}]}]}});
    let error = serde_json::from_value::<Folds>(text).unwrap_err();
    assert!(error.to_string().contains("invalid type: string \"80\", expected a whole number"), "{error}");
}
