//! What happens in the demo while one looks.
use std::time::Duration;

use chrono::{SecondsFormat, Utc};
use k8s_openapi::api::{batch::v1::Job, core::v1::Pod};
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use kube_ext::fake::{Container, Error, FakeCluster};
use serde_json::{Value, json};
use tokio::task::AbortHandle;

use super::logs::Logs;

/// A pod that crashes again and again, once in so many seconds.
const CRASHING: &str = "cart-7c9b6f4d5-tz5rn";
const CRASH_EVERY: u64 = 12;
/// A job starts once in so many seconds; so many are kept.
const JOB_EVERY: u64 = 20;
const JOBS_KEPT: u64 = 3;
/// A pod whose init containers finish soon.
const STARTING: &str = "db-1";

/// Starts what happens; it goes on until it is aborted, or the cluster is gone.
pub(super) fn start(cluster: &FakeCluster) -> Result<AbortHandle, Error> {
    let life = Life {
        client: cluster.client()?,
        logs: Logs::start(cluster),
        crashing: cluster.container("shop", CRASHING, "app"),
    };
    let life = async move {
        let mut clock = tokio::time::interval(Duration::from_secs(1));
        for second in 0.. {
            clock.tick().await;
            life.logs.write(second);
            // An object that somebody deleted has no life.
            let _ = life.crash(second).await;
            let _ = life.init(second).await;
            let _ = life.jobs(second).await;
        }
    };
    Ok(tokio::spawn(life).abort_handle())
}

struct Life {
    client: Client,
    logs: Logs,
    crashing: Container,
}

impl Life {
    /// Runs for three seconds, is an error for two, and waits.
    async fn crash(&self, second: u64) -> kube::Result<()> {
        let restarts = 13 + second / CRASH_EVERY;
        let ended = json!({"terminated": {"exitCode": 1, "reason": "Error", "startedAt": ago(3), "finishedAt": ago(0)}});
        match second % CRASH_EVERY {
            0 => {
                self.crashing.restart();
                self.crashing.log("cart 0.9: reading stock from db.data:5432");
            }
            2 => self.crashing.log("panicked: no stock: relation \"stock\" does not exist"),
            3 => self.crashing.finish(),
            _ => {}
        }
        let (state, last) = match second % CRASH_EVERY {
            0 => (json!({"running": {"startedAt": ago(0)}}), None),
            3 => (ended.clone(), None),
            5 => (json!({"waiting": {"reason": "CrashLoopBackOff"}}), Some(ended)),
            _ => return Ok(()),
        };
        let running = state.get("running").is_some();
        let mut container = json!({
            "name": "app", "image": "demo.example/cart:0.9", "imageID": "", "containerID": format!("containerd://{restarts}"),
            "ready": running, "started": running, "restartCount": restarts, "state": state,
        });
        if let (Some(last), Some(container)) = (last, container.as_object_mut()) {
            container.insert("lastState".to_owned(), last);
        }
        let ready = condition("Ready", running);
        let status =
            json!({"conditions": [condition("Initialized", true), ready], "containerStatuses": [container]});
        self.status("shop", CRASHING, &status).await
    }

    /// One init container after the other, then the pod itself.
    async fn init(&self, second: u64) -> kube::Result<()> {
        let done = json!({"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": ago(2), "finishedAt": ago(0)}});
        let (running, waiting) =
            (json!({"running": {"startedAt": ago(0)}}), json!({"waiting": {"reason": "PodInitializing"}}));
        let [restore, fix, exporter, postgres] = match second {
            6 => [&done, &running, &waiting, &waiting],
            9 => [&done, &done, &running, &waiting],
            12 => [&done, &done, &running, &running],
            _ => return Ok(()),
        };
        let container = |name: &str, state: &Value| {
            let started = state.get("running").is_some();
            let ready = started || state.get("terminated").is_some();
            json!({
                "name": name, "image": format!("demo.example/{name}:1"), "imageID": "", "containerID": format!("containerd://{name}"),
                "ready": ready, "started": started, "restartCount": 0, "state": state,
            })
        };
        let all = second == 12;
        let status = json!({
            "phase": if all { "Running" } else { "Pending" },
            "conditions": [condition("Initialized", all), condition("Ready", all)],
            "initContainerStatuses": [
                container("restore", restore), container("fix-permissions", fix), container("exporter", exporter),
            ],
            "containerStatuses": [container("postgres", postgres)],
        });
        self.status("data", STARTING, &status).await
    }

    /// A job starts, its pod runs, it is complete; the oldest goes.
    async fn jobs(&self, second: u64) -> kube::Result<()> {
        let jobs: Api<Job> = Api::namespaced(self.client.clone(), "batch");
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), "batch");
        let round = second / JOB_EVERY;
        let (job, pod) = (format!("tick-{round}"), format!("tick-{round}-x{round:04}"));
        match second % JOB_EVERY {
            2 => {
                let created = jobs.create(&PostParams::default(), &parse(tick_job(&job))?).await?;
                let uid = created.metadata.uid.unwrap_or_default();
                pods.create(&PostParams::default(), &parse(tick_pod(&pod, &job, &uid))?).await?;
                let waiting = json!({"waiting": {"reason": "ContainerCreating"}});
                self.status("batch", &pod, &tick_status("Pending", &waiting)).await?;
            }
            4 => {
                let running = json!({"running": {"startedAt": ago(0)}});
                self.status("batch", &pod, &tick_status("Running", &running)).await?;
            }
            12 => {
                let done = json!({"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": ago(8), "finishedAt": ago(0)}});
                self.status("batch", &pod, &tick_status("Succeeded", &done)).await?;
                let complete = json!({"status": {
                    "active": 0, "succeeded": 1, "completionTime": ago(0), "conditions": [condition("Complete", true)],
                }});
                jobs.patch_status(&job, &PatchParams::default(), &Patch::Merge(complete)).await?;
            }
            14 if round >= JOBS_KEPT => {
                let (oldest, params) = (round - JOBS_KEPT, DeleteParams::default().grace_period(0));
                pods.delete(&format!("tick-{oldest}-x{oldest:04}"), &params).await?;
                jobs.delete(&format!("tick-{oldest}"), &params).await?;
            }
            _ => {}
        }
        Ok(())
    }

    async fn status(&self, namespace: &str, pod: &str, status: &Value) -> kube::Result<()> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        pods.patch_status(pod, &PatchParams::default(), &Patch::Merge(json!({"status": status})))
            .await
            .map(drop)
    }
}

fn parse<K: serde::de::DeserializeOwned>(object: Value) -> kube::Result<K> {
    serde_json::from_value(object).map_err(kube::Error::SerdeError)
}

fn ago(seconds: i64) -> String {
    (Utc::now() - chrono::TimeDelta::seconds(seconds)).to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn condition(name: &str, holds: bool) -> Value {
    json!({"type": name, "status": if holds { "True" } else { "False" }, "lastTransitionTime": ago(0)})
}

fn tick_job(name: &str) -> Value {
    json!({
        "metadata": {"name": name},
        "spec": {
            "completions": 1, "parallelism": 1,
            "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "tick", "image": "demo.example/tick:1"}]}},
        },
        "status": {"startTime": ago(0), "active": 1},
    })
}

fn tick_pod(name: &str, job: &str, uid: &str) -> Value {
    json!({
        "metadata": {
            "name": name, "labels": {"batch.kubernetes.io/job-name": job},
            "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": job, "uid": uid, "controller": true}],
        },
        "spec": {
            "nodeName": "demo-2", "restartPolicy": "Never",
            "containers": [{"name": "tick", "image": "demo.example/tick:1"}],
        },
    })
}

fn tick_status(phase: &str, state: &Value) -> Value {
    let running = phase == "Running";
    json!({
        "phase": phase, "podIP": "10.0.2.40", "podIPs": [{"ip": "10.0.2.40"}], "conditions": [condition("Ready", running)],
        "containerStatuses": [{
            "name": "tick", "image": "demo.example/tick:1", "imageID": "", "containerID": "containerd://tick",
            "ready": running, "started": running, "restartCount": 0, "state": state,
        }],
    })
}
