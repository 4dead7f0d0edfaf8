//! Pods as clusters have them.

use serde_json::{Value, json};

/// A value that is different for each pod.
fn hex(rng: &mut u64, digits: usize) -> String {
    // Numbers in a row are told apart well enough by it (splitmix64).
    let mut next = || {
        *rng = rng.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (*rng ^ (*rng >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        format!("{:016x}", mixed ^ (mixed >> 31))
    };
    let mut text: String = (0..digits.div_ceil(16)).map(|_| next()).collect();
    text.truncate(digits);
    text
}

/// A uid; the next one differs.
pub fn uid(rng: &mut u64) -> String {
    [8, 4, 4, 4, 12].map(|digits| hex(rng, digits)).join("-")
}

/// A container as a chart has it, with what the server adds. Those of one owner are the same, but for the name of the token's volume.
fn container(name: &str, token: &str, rng: &mut u64) -> Value {
    let variable = |number: usize| json!({"name": format!("{}_SETTING_{number}", name.to_uppercase()), "value": hex(rng, 24)});
    let mut variables: Vec<Value> = (0..5).map(variable).collect();
    let field = json!({"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}});
    variables.push(json!({"name": "POD_IP", "valueFrom": field}));
    let probe = |path: &str| {
        json!({
            "httpGet": {"path": path, "port": "http", "scheme": "HTTP"},
            "initialDelaySeconds": 10, "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3,
        })
    };
    json!({
        "name": name,
        "image": format!("registry.example.com/team/{name}:1.{}", hex(rng, 6)),
        "args": ["--listen=:8080", format!("--instance={}", hex(rng, 12)), "--log-format=json"],
        "ports": [
            {"name": "http", "containerPort": 8080, "protocol": "TCP"},
            {"name": "metrics", "containerPort": 9090, "protocol": "TCP"},
        ],
        "env": variables,
        "resources": {"limits": {"cpu": "1", "memory": "512Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
        "volumeMounts": [
            {"name": "config", "mountPath": format!("/etc/{name}"), "readOnly": true},
            {"name": "data", "mountPath": "/var/lib/data"},
            {"name": token, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": true},
        ],
        "livenessProbe": probe("/healthz"),
        "readinessProbe": probe("/readyz"),
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
        "securityContext": {
            "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": true, "readOnlyRootFilesystem": true, "allowPrivilegeEscalation": false,
        },
    })
}

fn status_of(container: &Value, started: &str, of_owner: &mut u64, rng: &mut u64) -> Value {
    json!({
        "name": container["name"], "image": container["image"],
        "imageID": format!("registry.example.com/team/app@sha256:{}", hex(of_owner, 64)),
        "containerID": format!("containerd://{}", hex(rng, 64)),
        "ready": true, "started": true, "restartCount": 0, "lastState": {},
        "state": {"running": {"startedAt": started}},
    })
}

/// The fields of an object, as a manager's set names them.
fn fields_of(value: &Value) -> Value {
    let named = |value: &Value| {
        value.get("name").and_then(Value::as_str).map(|name| json!({"name": name}).to_string())
    };
    match value {
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (format!("f:{name}"), fields_of(value))).collect()
        }
        Value::Array(items) => {
            let items =
                items.iter().filter_map(|item| Some((format!("k:{}", named(item)?), fields_of(item))));
            std::iter::once((".".to_owned(), json!({}))).chain(items).collect()
        }
        _ => json!({}),
    }
}

/// A pod of a Deployment, some 12 KB of JSON: two or three containers, managed fields and a status.
///
/// Ten are of one owner, which has made them of one template: they differ as siblings do, in names, uids, addresses, nodes, times, ids of
/// containers and the volume of the token. Pods of two owners differ in all that a chart is told: images, arguments, settings, labels, checksums.
#[must_use]
pub fn pod(number: usize) -> Value {
    let rng = &mut (number as u64 * 1000);
    let owner = number / 10;
    let of_owner = &mut (owner as u64 * 1_000_003);
    let app = format!("app-{owner}");
    let hash = hex(of_owner, 10);
    let replica_set = format!("{app}-{hash}");
    let (token, suffix) = (format!("kube-api-access-{}", hex(rng, 5)), hex(rng, 5));
    let containers: Vec<Value> = ["app", "proxy", "exporter"]
        .iter()
        .take(2 + owner % 2)
        .map(|name| container(name, &token, of_owner))
        .collect();
    // Some owners are older than others, and their pods come within minutes.
    let minute = owner % (60 * 24) + number % 7;
    let time = |second: usize| {
        format!("2026-07-{:02}T{:02}:{:02}:{second:02}Z", 20 + owner % 9, minute / 60 % 24, minute % 60)
    };
    let second = number * 7 % 45;
    let started = time(second + 9);
    let statuses: Vec<Value> =
        containers.iter().map(|container| status_of(container, &started, of_owner, rng)).collect();
    let ready = time(second + 10);
    let condition = |kind: &str| json!({"type": kind, "status": "True", "lastProbeTime": null, "lastTransitionTime": ready});
    let conditions = ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"]
        .map(condition);
    let address = format!("10.{}.{}.{}", number >> 16, number >> 8 & 255, number & 255);
    let spec = json!({
        "containers": containers,
        "volumes": [
            {"name": "config", "configMap": {"name": format!("{app}-config"), "defaultMode": 420}},
            {"name": "data", "emptyDir": {}},
            {"name": token, "projected": {"defaultMode": 420, "sources": [
                {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            ]}},
        ],
        "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
        "serviceAccountName": app, "serviceAccount": app, "nodeName": format!("node-{}.example.com", number % 300),
        "schedulerName": "default-scheduler", "priority": 0, "enableServiceLinks": true, "preemptionPolicy": "PreemptLowerPriority",
        "securityContext": {"runAsUser": 1000, "fsGroup": 1000},
        "tolerations": [
            {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
            {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
        ],
    });
    let status = json!({
        "phase": "Running", "qosClass": "Burstable", "startTime": time(second), "conditions": conditions,
        "hostIP": format!("192.168.{}.{}", number % 2, number % 300 / 2), "podIP": address, "podIPs": [{"ip": address}],
        "containerStatuses": statuses,
    });
    let labels = json!({
        "app.kubernetes.io/name": app, "app.kubernetes.io/instance": app, "app.kubernetes.io/managed-by": "Helm",
        "pod-template-hash": hash,
    });
    let managed = |manager: &str, what: &str, value: &Value| {
        json!({
            "manager": manager, "operation": "Update", "apiVersion": "v1", "time": ready,
            "fieldsType": "FieldsV1", "fieldsV1": {format!("f:{what}"): fields_of(value)},
        })
    };
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": format!("{replica_set}-{suffix}"), "namespace": format!("team-{}", owner % 40), "uid": uid(rng),
            "creationTimestamp": time(second), "generateName": format!("{replica_set}-"),
            "labels": labels,
            "annotations": {"checksum/config": hex(of_owner, 64), "prometheus.io/scrape": "true", "prometheus.io/port": "9090"},
            "ownerReferences": [{
                "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": replica_set, "uid": uid(of_owner),
                "controller": true, "blockOwnerDeletion": true,
            }],
            "managedFields": [
                managed("kube-controller-manager", "spec", &spec), managed("kubelet", "status", &status),
            ],
        },
        "spec": spec, "status": status,
    })
}
