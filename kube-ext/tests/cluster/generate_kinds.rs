//! Random nodes, as a server takes them.

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
