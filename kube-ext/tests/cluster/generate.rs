//! Random pods: every kind and state of container, conditions, deletion, gates, addresses, reasons.

use chrono::{TimeDelta, Utc};
use fastrand::Rng;
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

/// A pod to create, the status to give it, and whether it is to be deleted then (a finalizer keeps it).
///
/// The same seed gives the same pod, but for times, which count back from now.
pub(crate) fn pod(seed: u64) -> (Pod, Value, bool) {
    let mut rng = Rng::with_seed(seed);
    let rng = &mut rng;
    let init: Vec<_> =
        (0..pick(rng, &[0, 0, 0, 1, 2, 3])).map(|index| (format!("init-{index}"), rng.bool())).collect();
    let regular: Vec<_> = (0..pick(rng, &[1, 1, 2, 3])).map(|index| format!("app-{index}")).collect();
    let gates: Vec<_> =
        (0..pick(rng, &[0, 0, 0, 1, 2])).map(|index| format!("example.com/gate-{index}")).collect();
    let terminating = rng.u8(..6) == 0;
    let scheduling_gated = rng.u8(..20) == 0;

    let mut spec = json!({
        // Nobody by this name: the pods stay as they are written.
        "schedulerName": "nobody",
        "terminationGracePeriodSeconds": 0,
        "initContainers": init.iter().map(|(name, sidecar)| {
            let mut container = json!({"name": name, "image": "example.invalid/init"});
            if *sidecar {
                container["restartPolicy"] = "Always".into();
            }
            container
        }).collect::<Vec<_>>(),
        "containers": regular.iter().map(|name| json!({"name": name, "image": "example.invalid/app"})).collect::<Vec<_>>(),
        "readinessGates": gates.iter().map(|gate| json!({"conditionType": gate})).collect::<Vec<_>>(),
    });
    if scheduling_gated {
        spec["schedulingGates"] = json!([{"name": "example.com/wait"}]);
    } else if rng.u8(..4) != 0 {
        spec["nodeName"] = format!("no-such-node-{}", rng.u8(..9)).into();
    }
    let mut name = format!("pod-{seed:x}");
    if rng.u8(..10) == 0 {
        name.push_str(&"-long".repeat(rng.usize(..44)));
    }
    let mut metadata = json!({"name": name, "labels": {"app": "random", "seed": seed.to_string()}});
    if terminating {
        metadata["finalizers"] = json!(["example.com/keep"]);
    }
    let pod = serde_json::from_value(json!({"metadata": metadata, "spec": &spec})).expect("a pod");
    let mut status = status(rng, &init, &regular, &gates);
    if spec["nodeName"].is_null() && rng.u8(..2) == 0 {
        status["nominatedNodeName"] = format!("no-such-node-{}", rng.u8(..9)).into();
    }
    (pod, status, terminating)
}

fn status(rng: &mut Rng, init: &[(String, bool)], regular: &[String], gates: &[String]) -> Value {
    let mut status = json!({
        "phase": pick(rng, &["Pending", "Running", "Running", "Running", "Succeeded", "Failed", "Unknown"]),
        "conditions": conditions(rng, gates),
    });
    if rng.u8(..8) == 0 {
        status["reason"] =
            pick(rng, &["Evicted", "NodeLost", "Completed", "NodeAffinity", "Shutdown", "OutOfcpu"]).into();
    }
    if rng.u8(..4) != 0 {
        let (v4, v6) = (format!("10.1.{}.{}", rng.u8(..), rng.u8(..)), format!("fd00::{:x}", rng.u16(1..)));
        let (first, second) = if rng.bool() { (v4, v6) } else { (v6, v4) };
        status["podIP"] = first.clone().into();
        status["podIPs"] =
            if rng.bool() { json!([{"ip": first}]) } else { json!([{"ip": first}, {"ip": second}]) };
    }
    // Early in a pod's life some or all statuses are missing.
    let reported = |rng: &mut Rng| rng.u8(..10) != 0;
    let statuses: Vec<_> = init.iter().filter(|_| reported(rng)).map(|(name, _)| name.clone()).collect();
    status["initContainerStatuses"] = statuses.iter().map(|name| container_status(rng, name, true)).collect();
    let statuses: Vec<_> = regular.iter().filter(|_| reported(rng)).collect();
    status["containerStatuses"] = statuses.iter().map(|name| container_status(rng, name, false)).collect();
    status
}

fn conditions(rng: &mut Rng, gates: &[String]) -> Value {
    let standard = ["PodScheduled", "Initialized", "ContainersReady", "Ready", "PodReadyToStartContainers"];
    let mut conditions = Vec::new();
    for kind in standard.iter().copied().chain(gates.iter().map(String::as_str)) {
        if rng.u8(..4) == 0 {
            continue;
        }
        let mut condition = json!({"type": kind, "status": pick(rng, &["True", "True", "False", "Unknown"])});
        if rng.bool() {
            condition["lastTransitionTime"] = past(rng);
        }
        if kind == "PodScheduled" && rng.u8(..12) == 0 {
            condition["reason"] = "SchedulingGated".into();
        }
        conditions.push(condition);
    }
    rng.shuffle(&mut conditions);
    conditions.into()
}

fn container_status(rng: &mut Rng, name: &str, init: bool) -> Value {
    let mut status = json!({
        "name": name,
        "image": "example.invalid/image",
        "imageID": "",
        "ready": rng.bool(),
        "restartCount": pick(rng, &[0, 0, 0, 1, 2, 17, 2500]),
        "state": state(rng, init),
    });
    if rng.u8(..3) != 0 {
        status["started"] = rng.bool().into();
    }
    if rng.u8(..3) == 0 {
        status["lastState"] = json!({"terminated": terminated(rng)});
    }
    status
}

fn state(rng: &mut Rng, init: bool) -> Value {
    match rng.u8(..if init { 10 } else { 8 }) {
        0..=2 => json!({"running": {"startedAt": past(rng)}}),
        3 | 4 => {
            let reasons = [
                "ContainerCreating",
                "PodInitializing",
                "CrashLoopBackOff",
                "ImagePullBackOff",
                "Completed",
                "Ünïcode",
                "",
            ];
            json!({"waiting": {"reason": pick(rng, &reasons)}})
        }
        5 => json!({}),
        6 | 7 => json!({"terminated": terminated(rng)}),
        _ => json!({"terminated": {"exitCode": 0, "reason": "Completed", "finishedAt": past(rng)}}),
    }
}

fn terminated(rng: &mut Rng) -> Value {
    let mut ended = json!({
        "exitCode": pick(rng, &[0, 0, 1, 2, 127, 137, 255]),
        "signal": pick(rng, &[0, 0, 0, 9, 15]),
        "reason": pick(rng, &["", "", "Completed", "Completed", "Error", "OOMKilled", "ContainerCannotRun"]),
    });
    if rng.u8(..4) != 0 {
        ended["finishedAt"] = past(rng);
    }
    ended
}

/// A time in whole seconds: moments, hours, days or years ago, or a little in the future.
pub(crate) fn past(rng: &mut Rng) -> Value {
    let longest = pick(rng, &[120, 20_000, 400_000, 3_000_000, 100_000_000, 1_000_000_000]);
    let time = Utc::now() - TimeDelta::seconds(rng.i64(-5..longest));
    time.format("%Y-%m-%dT%H:%M:%SZ").to_string().into()
}

pub(crate) fn pick<T: Copy>(rng: &mut Rng, choices: &[T]) -> T {
    choices[rng.usize(..choices.len())]
}
