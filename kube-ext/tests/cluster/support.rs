//! A namespace of one's own on a cluster, and the server's own tables.

use chrono::Utc;
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::{Namespace, Pod, ServiceAccount};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

use crate::row::ServerRow;

/// How many requests are under way at once.
pub(crate) const CONCURRENCY: usize = 32;

/// A new namespace in which pods can be created.
pub(crate) struct TestNamespace {
    pub(crate) client: Client,
    pub(crate) name: String,
}

impl TestNamespace {
    pub(crate) async fn create(client: &Client, purpose: &str) -> Self {
        let namespace: Namespace =
            serde_json::from_value(json!({"metadata": {"generateName": format!("kube-ext-{purpose}-")}}))
                .unwrap();
        let created = Api::<Namespace>::all(client.clone())
            .create(&PostParams::default(), &namespace)
            .await
            .expect("namespace");
        let name = created.name_any();
        // The controller manager does this too, a moment later; without one nobody does.
        let account: ServiceAccount =
            serde_json::from_value(json!({"metadata": {"name": "default"}})).unwrap();
        let accounts = Api::<ServiceAccount>::namespaced(client.clone(), &name);
        match accounts.create(&PostParams::default(), &account).await {
            Err(kube::Error::Api(status)) if status.is_already_exists() => {}
            created => drop(created.expect("service account")),
        }
        Self { client: client.clone(), name }
    }

    pub(crate) fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &self.name)
    }

    /// Deletes the namespace with all that is in it, finalizers or not.
    pub(crate) async fn delete(self) {
        let pods = self.pods();
        let listed = pods.list_metadata(&ListParams::default()).await.expect("list pods");
        let held = listed.items.into_iter().filter(|pod| !pod.finalizers().is_empty());
        let release = Patch::Merge(json!({"metadata": {"finalizers": null}}));
        stream::iter(held)
            .for_each_concurrent(CONCURRENCY, |pod| {
                let (pods, release) = (pods.clone(), &release);
                async move {
                    // Gone already is just as well.
                    let _ = pods.patch(&pod.name_any(), &PatchParams::default(), release).await;
                }
            })
            .await;
        let namespaces = Api::<Namespace>::all(self.client.clone());
        namespaces.delete(&self.name, &DeleteParams::default()).await.expect("delete namespace");
    }

    /// Creates each pod, gives it its status, and deletes those that are to be seen terminating. A controller collects those whose node does
    /// not exist, some 40 seconds later, or sooner if it knows the node's name from others.
    pub(crate) async fn write(&self, pods: Vec<(Pod, Value, bool)>) {
        let api = self.pods();
        stream::iter(pods)
            .map(Ok)
            .try_for_each_concurrent(CONCURRENCY, |(pod, status, terminating)| {
                let api = api.clone();
                async move {
                    let name = pod.name_any();
                    let problem = |error: kube::Error| format!("{name}: {error}\nstatus: {status}");
                    api.create(&PostParams::default(), &pod).await.map_err(problem)?;
                    let patch = Patch::Merge(json!({"status": status}));
                    let told = async {
                        api.patch_status(&name, &PatchParams::default(), &patch).await?;
                        if terminating {
                            api.delete(&name, &DeleteParams::default()).await?;
                        }
                        Ok(())
                    };
                    match told.await {
                        // One whose node does not exist has been collected already.
                        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
                        told => told.map_err(problem),
                    }
                }
            })
            .await
            .expect("write pods");
    }
}

/// Whether a group is one of custom resources that a test makes, and takes away again.
pub(crate) fn is_of_a_test(group: &str) -> bool {
    group.contains("kube-ext.") || group.contains("parity-")
}

/// The columns (name and priority) and rows of a collection, as the server prints them: `as=Table`, with each object.
pub(crate) async fn server_table(client: &Client, path: &str) -> (Vec<(String, i64)>, Vec<ServerRow>) {
    let (mut rows, mut token) = (Vec::new(), String::new());
    loop {
        let request = http::Request::get(format!("{path}?includeObject=Object&limit=250&continue={token}"))
            .header("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io")
            .body(Vec::new())
            .unwrap();
        let before = Utc::now();
        let table: Value = client.request(request).await.expect(path);
        let asked = [before, Utc::now()];
        assert_eq!(table["kind"], "Table", "{path}");
        let columns = table["columnDefinitions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|column| (column["name"].as_str().unwrap().to_owned(), column["priority"].as_i64().unwrap()))
            .collect();
        for row in table["rows"].as_array().into_iter().flatten() {
            let cells = row["cells"].as_array().unwrap().iter();
            rows.push(ServerRow {
                asked,
                object: row["object"].clone(),
                cells: cells
                    .map(|cell| cell.as_str().map_or_else(|| cell.to_string(), str::to_owned))
                    .collect(),
            });
        }
        table["metadata"]["continue"].as_str().unwrap_or_default().clone_into(&mut token);
        if token.is_empty() {
            return (columns, rows);
        }
    }
}
