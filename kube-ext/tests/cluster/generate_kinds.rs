//! Random nodes, deployments and events, as a server takes them.

use fastrand::Rng;
use serde_json::{Value, json};

use crate::generate::{past, pick};

/// A node with its status. The same seed gives the same node, but for times.
pub(crate) fn node(seed: u64) -> Value {
    let rng = &mut Rng::with_seed(seed);
    let mut labels = json!({"kubernetes.io/hostname": format!("node-{seed:x}")});
    for role in ["control-plane", "worker", "Edge.2", "a-b_c", ""] {
        if rng.u8(..5) == 0 {
            labels[format!("node-role.kubernetes.io/{role}")] = pick(rng, &["", "true"]).into();
        }
    }
    // A key has a name behind its slash; this one is a role's name only to those who do not look.
    labels.as_object_mut().expect("labels").remove("node-role.kubernetes.io/");
    if rng.u8(..3) == 0 {
        labels["kubernetes.io/role"] = pick(rng, &["", "worker", "node", "Zone"]).into();
    }
    if rng.u8(..8) == 0 {
        labels["node-role.kubernetes.io"] = "no-role".into();
    }
    let text =
        |rng: &mut Rng, texts: &[&str]| if rng.u8(..4) == 0 { "" } else { pick(rng, texts) }.to_owned();
    let mut node = json!({
        "metadata": {"name": format!("kube-ext-node-{seed:x}"), "labels": labels},
        "spec": {},
        // It can take nothing, so that nobody gives it a pod.
        "status": {
            "conditions": conditions(rng),
            "addresses": addresses(rng),
            "nodeInfo": {
                "machineID": format!("{:x}", rng.u64(..)), "systemUUID": "", "bootID": "", "kubeProxyVersion": "",
                "operatingSystem": "linux",
                "kubeletVersion": text(rng, &["v1.36.2", "v1.35.0-eks-1a2b", "ünï <x>"]),
                "osImage": text(rng, &["Debian GNU/Linux 13 (trixie)", "Bottlerocket OS 1.20\n", "<unknown>"]),
                "kernelVersion": text(rng, &["6.12.41+deb13-amd64", "5.10.0", " "]),
                "architecture": text(rng, &["amd64", "arm64", "(x)"]),
                "containerRuntimeVersion": text(rng, &["containerd://2.1.4", "cri-o://1.36"]),
            },
        },
    });
    if rng.u8(..3) == 0 {
        node["spec"]["unschedulable"] = rng.bool().into();
    }
    node
}

fn conditions(rng: &mut Rng) -> Value {
    let mut conditions = Vec::new();
    // Of several of a type one counts.
    for kind in ["MemoryPressure", "Ready", "Ready", "PIDPressure", "NotReady", "ready"] {
        if rng.bool() {
            let status = pick(rng, &["True", "True", "False", "Unknown", "true"]);
            conditions.push(json!({"type": kind, "status": status, "lastHeartbeatTime": past(rng)}));
        }
    }
    rng.shuffle(&mut conditions);
    conditions.into()
}

fn addresses(rng: &mut Rng) -> Value {
    let mut addresses = Vec::new();
    for kind in ["InternalIP", "InternalIP", "ExternalIP", "ExternalIP", "Hostname", "InternalDNS"] {
        if rng.u8(..3) == 0 {
            let address = match rng.u8(..4) {
                0 => format!("fd00::{:x}", rng.u16(1..)),
                1 if kind == "Hostname" => String::new(),
                _ => format!("10.1.{}.{}", rng.u8(..), rng.u8(..)),
            };
            addresses.push(json!({"type": kind, "address": address}));
        }
    }
    rng.shuffle(&mut addresses);
    addresses.into()
}

/// A deployment, and the status to give it. There is nobody to run its pods.
pub(crate) fn deployment(seed: u64) -> (Value, Value) {
    let rng = &mut Rng::with_seed(seed);
    let keys = ["app", "tier", "example.com/part-of", "A", "a", "a.b", "release"];
    let mut labels = json!({"app": "web"});
    for key in keys {
        if rng.bool() {
            labels[key] = pick(rng, &["web", "", "v1.2", "X_y"]).into();
        }
    }
    let containers = (0..pick(rng, &[1, 1, 2, 3])).map(|index| {
        let image = pick(rng, &["example.invalid/app:1", "example.invalid/app@sha256:0", "sidecar"]);
        json!({"name": format!("{}-{index}", pick(rng, &["app", "proxy"])), "image": image})
    });
    let containers: Vec<_> = containers.collect();
    let mut deployment = json!({
        "metadata": {"name": format!("deployment-{seed:x}")},
        "spec": {
            "selector": selector(rng, &labels, &keys),
            "template": {"metadata": {"labels": labels}, "spec": {
                "schedulerName": "nobody",
                "initContainers": [{"name": "init", "image": "example.invalid/init"}],
                "containers": containers,
            }},
        },
    });
    // A server sets 1 where there is none.
    if rng.u8(..5) != 0 {
        deployment["spec"]["replicas"] = pick(rng, &[0, 1, 2, 3, 5]).into();
    }
    if rng.u8(..5) == 0 {
        deployment["spec"]["paused"] = true.into();
    }
    (deployment, deployment_status(rng))
}

/// One that selects pods with these labels.
fn selector(rng: &mut Rng, labels: &Value, keys: &[&str]) -> Value {
    let (mut equal, mut expressions) = (json!({}), Vec::new());
    for key in keys {
        let value = labels[key].as_str();
        let others = ["other", "", "web", "0", "Z"].into_iter().filter(|other| Some(*other) != value);
        let mut others: Vec<_> = others.filter(|_| rng.bool()).collect();
        if rng.u8(..3) == 0 {
            // The same twice is two values.
            others.extend(others.first().copied());
        }
        let with_value = value.into_iter().chain(others.iter().copied()).collect::<Vec<_>>();
        match (value, rng.u8(..8)) {
            (Some(value), 0..3) => equal[*key] = value.into(),
            (Some(_), 3) => expressions.push(json!({"key": key, "operator": "Exists"})),
            (Some(_), 4) => expressions.push(json!({"key": key, "operator": "In", "values": with_value})),
            (None, 0) => expressions.push(json!({"key": key, "operator": "DoesNotExist"})),
            (_, 5..) if !others.is_empty() => {
                expressions.push(json!({"key": key, "operator": "NotIn", "values": others}));
            }
            _ => {}
        }
    }
    // Several for one key, in this order.
    if rng.u8(..4) == 0 {
        expressions.push(json!({"key": "app", "operator": "Exists"}));
        expressions.push(json!({"key": "app", "operator": "NotIn", "values": ["z", "y"]}));
    }
    if expressions.is_empty() || rng.bool() {
        equal["app"] = labels["app"].clone();
    }
    rng.shuffle(&mut expressions);
    json!({"matchLabels": equal, "matchExpressions": expressions})
}

fn deployment_status(rng: &mut Rng) -> Value {
    if rng.u8(..6) == 0 {
        return json!({});
    }
    let replicas = rng.i32(0..40);
    let ready = rng.i32(0..=replicas);
    let mut status = json!({"replicas": replicas, "observedGeneration": rng.u8(..4)});
    for (field, most) in
        [("readyReplicas", ready), ("availableReplicas", ready), ("updatedReplicas", replicas)]
    {
        if rng.u8(..6) != 0 || field == "readyReplicas" {
            status[field] = if field == "readyReplicas" { most } else { rng.i32(0..=most) }.into();
        }
    }
    status["conditions"] = json!([{
        "type": "Progressing", "status": pick(rng, &["True", "False"]), "lastUpdateTime": past(rng),
        "reason": pick(rng, &["NewReplicaSetAvailable", "ProgressDeadlineExceeded"]),
    }]);
    status
}

/// An event about something in its namespace.
pub(crate) fn event(seed: u64, namespace: &str) -> Value {
    let rng = &mut Rng::with_seed(seed);
    let mut object = json!({"namespace": namespace});
    let kinds = ["Pod", "Deployment", "HorizontalPodAutoscaler", "İstanbulΣ", ""];
    for (field, values) in [
        ("kind", &kinds[..]),
        ("name", &["web-0", "Pod Name", ""]),
        ("fieldPath", &["spec.containers{app}", "spec.initContainers{init}", ""]),
        ("uid", &["0d4f5ad9-2bc1-4c49-9d3d-3d2f0b7a8c11", "7"]),
    ] {
        if rng.u8(..6) != 0 {
            object[field] = pick(rng, values).into();
        }
    }
    let mut event = json!({
        "metadata": {"name": format!("event-{seed:x}"), "namespace": namespace},
        "involvedObject": object,
    });
    let messages = [
        "Back-off restarting failed container",
        " \t\r\n\u{85}\u{a0}\u{2028}\u{3000}a b\u{3000}\u{b}\u{c} ",
        "two\nlines\n",
        "\u{200b}no blank\u{feff}",
        "",
        "   ",
        "ä\u{1f600}<&>\"",
    ];
    for (field, values) in [
        ("reason", &["BackOff", "Pulled", "Event Reason", ""][..]),
        ("message", &messages),
        ("type", &["Normal", "Warning", "", "other"]),
        ("reportingComponent", &["kubelet", "example.com/operator", ""]),
        ("reportingInstance", &["node-1", "operator-7d4b", ""]),
    ] {
        if rng.u8(..5) != 0 {
            event[field] = pick(rng, values).into();
        }
    }
    for (field, value) in [("component", "scheduler"), ("host", "node-2")] {
        if rng.bool() {
            event["source"][field] = pick(rng, &[value, value, ""]).into();
        }
    }
    for field in ["firstTimestamp", "lastTimestamp"] {
        match rng.u8(..4) {
            0 => event[field] = "0001-01-01T00:00:00Z".into(),
            1 | 2 => event[field] = past(rng),
            _ => {}
        }
    }
    if rng.u8(..3) != 0 {
        event["count"] = pick(rng, &[0, 1, 7, 1200, -3]).into();
    }
    if rng.u8(..3) == 0 {
        event["series"] = json!({"count": pick(rng, &[0, 2, 77]), "lastObservedTime": null});
        if rng.u8(..4) != 0 {
            event["series"]["lastObservedTime"] = past_half(rng);
        }
    }
    if rng.bool() {
        // Such an event has to say more.
        event["eventTime"] = past_half(rng);
        event["action"] = "Binding".into();
        event["reason"] = "Scheduled".into();
        event["reportingComponent"] = pick(rng, &["default-scheduler", "example.com/x"]).into();
        event["reportingInstance"] = pick(rng, &["scheduler-0", "x"]).into();
    }
    event
}

/// A time in half seconds, as a `MicroTime` is written.
fn past_half(rng: &mut Rng) -> Value {
    let fraction = pick(rng, &[".000000Z", ".500000Z"]);
    past(rng).as_str().map(|time| time.replace('Z', fraction)).into()
}
