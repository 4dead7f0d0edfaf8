//! The pods of a Deployment, which come and go.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::TryStreamExt as _;
use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use kube_ext::logs::{Event, LogExt as _, LogStream, Tail};
use serde_json::json;
use tokio::time::timeout;

use crate::exec::setup::{LONG, play};
use crate::logs::setup::script;

/// What has come of each pod.
#[derive(Debug, Default)]
struct Seen {
    lines: BTreeMap<String, Vec<String>>,
    begun: BTreeSet<String>,
    over: BTreeSet<String>,
}

impl Seen {
    /// Reads on until it is so.
    async fn until(&mut self, logs: &mut LogStream, is_so: impl Fn(&Self) -> bool) {
        let reading = async {
            while !is_so(self) {
                match logs.try_next().await.unwrap().expect("a stream that goes on") {
                    Event::Line(line) => {
                        let lines = self.lines.entry(line.pod().to_owned()).or_default();
                        lines.push(line.text().into_owned());
                    }
                    Event::Started(source) => assert!(self.begun.insert(source.pod.clone()), "{source}"),
                    Event::Ended(source) => assert!(self.over.insert(source.pod.clone()), "{source}"),
                    Event::Interrupted { .. } => {}
                    other => panic!("{other:?}"),
                }
            }
        };
        let over = timeout(Duration::from_secs(120), reading).await;
        over.unwrap_or_else(|_| panic!("not in time: {self:#?}"));
    }

    /// How many pods have logged so many lines.
    fn with_lines(&self, count: usize) -> usize {
        self.lines.values().filter(|lines| lines.len() >= count).count()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn join_and_end() {
    play("workload", LONG, async |scene| {
        let text = "trap 'echo bye; exit' TERM; n=0; while true; do n=$((n + 1)); echo $n; sleep 0.2 & wait $!; done";
        let deployment: Deployment = serde_json::from_value(json!({
            "metadata": {"name": "web"},
            "spec": {
                "replicas": 1,
                "selector": {
                    "matchLabels": {"app": "web"},
                    "matchExpressions": [{"key": "tier", "operator": "In", "values": ["front", "back"]}],
                },
                "template": {
                    "metadata": {"labels": {"app": "web", "tier": "front"}},
                    "spec": {
                        "automountServiceAccountToken": false,
                        "terminationGracePeriodSeconds": 30,
                        "containers": [script("app", text)],
                    },
                },
            },
        }))
        .unwrap();
        let deployments = Api::<Deployment>::namespaced(scene.cluster.client.clone(), &scene.namespace.name);
        deployments.create(&PostParams::default(), &deployment).await.unwrap();
        let scale = async |replicas: u32| {
            let patch = Patch::Merge(json!({"spec": {"replicas": replicas}}));
            deployments.patch("web", &PatchParams::default(), &patch).await.unwrap();
        };
        let mut logs = scene.pods().tail(Tail::new().workload("deploy/web").follow());
        let mut seen = Seen::default();
        seen.until(&mut logs, |seen| seen.with_lines(5) == 1).await;
        scale(3).await;
        seen.until(&mut logs, |seen| seen.with_lines(5) == 3).await;
        scale(1).await;
        seen.until(&mut logs, |seen| seen.over.len() == 2).await;
        scale(2).await;
        seen.until(&mut logs, |seen| seen.with_lines(5) == 4).await;
        scale(0).await;
        seen.until(&mut logs, |seen| seen.over.len() == 4).await;

        assert_eq!(seen.begun, seen.over);
        // Each from its first to its last.
        for (pod, lines) in &seen.lines {
            let expected: Vec<_> =
                (1..lines.len()).map(|n| n.to_string()).chain(["bye".to_owned()]).collect();
            assert_eq!(lines, &expected, "{pod}");
        }
    })
    .await;
}
