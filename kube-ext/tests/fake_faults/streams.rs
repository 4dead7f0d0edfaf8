//! Bodies, watches and websockets that end too early, and what is made of them.
use std::pin::pin;

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::{
    Api,
    api::{AttachParams, AttachedProcess, ListParams, LogParams, WatchEvent, WatchParams},
    runtime::watcher,
};
use kube_ext::fake::{Calls, FakeCluster, Fault};
use serde_json::json;
use tokio::{io::AsyncReadExt as _, time::timeout};

use crate::client::{LONG, SHORT, cluster, config_map, get, header};

/// A body that is cut in the middle of a character: who reads it must not take it for whole.
#[tokio::test]
async fn a_body_that_is_cut_is_an_error() {
    let cluster = cluster().await;
    cluster.apply(&config_map("one")).unwrap();
    let path = "/api/v1/namespaces/default/configmaps/one";
    let (_, whole) = get(&cluster, path).await;
    let configs: Api<ConfigMap> = Api::default_namespaced(cluster.client().unwrap());
    configs.list(&ListParams::default()).await.unwrap();
    let length = cluster.requests().last().unwrap().sent;
    let inside = whole.windows(2).position(|window| window == "ö".as_bytes()).unwrap() + 1;
    for bytes in [0, 1, inside, whole.len() - 1] {
        let handle = cluster.faults().add(Calls::any(), Fault::cut_after_bytes(bytes as u64));
        let (head, body) = get(&cluster, path).await;
        assert_eq!(header(&head, "content-length"), Some(whole.len().to_string().as_str()));
        assert_eq!(body, whole[..bytes]);
        handle.remove();
    }
    for bytes in [0, 1, length / 2, length - 2] {
        for fault in [Fault::cut_after_bytes(bytes), Fault::cut_after_bytes(bytes).cleanly()] {
            let handle = cluster.faults().add(Calls::verb("list").resource("configmaps"), fault.clone());
            let list = configs.list(&ListParams::default()).await;
            assert!(list.is_err(), "{bytes} of {length}: {fault:?}");
            assert_eq!(cluster.requests().last().unwrap().sent, bytes);
            handle.remove();
        }
    }
    assert_eq!(configs.list(&ListParams::default()).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn a_watch_is_cut_after_events() {
    let cluster = cluster().await;
    for name in ["a", "b", "c", "d"] {
        cluster.apply(&config_map(name)).unwrap();
    }
    let configs: Api<ConfigMap> = Api::default_namespaced(cluster.client().unwrap());
    // kube takes both for an end of the watch.
    for fault in [Fault::cut_after_events(2).cleanly(), Fault::cut_after_events(2)] {
        let handle = cluster.faults().add(Calls::verb("watch").resource("configmaps"), fault);
        let events = configs.watch(&WatchParams::default(), "0").await.unwrap();
        let names: Vec<_> = timeout(LONG, events.map_ok(name).try_collect()).await.unwrap().unwrap();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(handle.hits(), 1);
        handle.remove();
    }
    cluster.until_no_requests().await;
}

fn name(event: WatchEvent<ConfigMap>) -> String {
    match event {
        WatchEvent::Added(config) => config.metadata.name.unwrap(),
        event => panic!("{event:?}"),
    }
}

/// Nothing is lost, whatever happens to the watch.
#[tokio::test]
async fn a_watcher_survives() {
    let cluster = cluster().await;
    let configs: Api<ConfigMap> = Api::default_namespaced(cluster.client().unwrap());
    let backoff = watcher::DefaultBackoff::default();
    let watched = watcher(configs, watcher::Config::default());
    let mut watched = pin!(kube::runtime::WatchStreamExt::backoff(watched, backoff));
    let mut seen = std::collections::BTreeSet::new();
    let mut next = async |names: &[&str]| {
        timeout(LONG, async {
            while !names.iter().all(|name| seen.contains(*name)) {
                // Errors are what the faults are for.
                if let Ok(watcher::Event::Apply(config) | watcher::Event::InitApply(config)) =
                    watched.next().await.unwrap()
                {
                    seen.insert(config.metadata.name.unwrap());
                }
            }
        })
        .await
        .unwrap_or_else(|_| panic!("{names:?} in {:?}", cluster.requests()));
    };
    cluster.apply(&config_map("a")).unwrap();
    next(&["a"]).await;

    cluster.faults().restart();
    cluster.apply(&config_map("b")).unwrap();
    next(&["b"]).await;

    cluster.faults().add(Calls::verb("watch").first(2), Fault::expired());
    cluster.faults().restart();
    cluster.apply(&config_map("c")).unwrap();
    next(&["c"]).await;

    cluster.faults().clear();
    cluster.faults().add(Calls::verb("watch").first(3), Fault::cut_after_bytes(700));
    cluster.faults().restart();
    for name in ["d", "e", "f"] {
        cluster.apply(&config_map(name)).unwrap();
    }
    next(&["d", "e", "f"]).await;

    cluster.faults().clear();
    cluster.faults().shut_down().await;
    for name in ["g", "h"] {
        cluster.apply(&config_map(name)).unwrap();
    }
    cluster.faults().compact();
    cluster.faults().start_again().await.unwrap();
    next(&["g", "h"]).await;
}

#[tokio::test]
async fn a_slow_watch_loses_nothing() {
    let cluster = cluster().await;
    cluster.faults().add(Calls::verb("watch"), Fault::slow(50_000));
    let configs: Api<ConfigMap> = Api::default_namespaced(cluster.client().unwrap());
    for index in 0..20 {
        cluster.apply(&config_map(&format!("c{index}"))).unwrap();
    }
    let events = configs.watch(&WatchParams::default(), "0").await.unwrap();
    let names: Vec<_> = timeout(LONG, events.take(20).try_collect::<Vec<_>>()).await.unwrap().unwrap();
    assert_eq!(names.len(), 20);
}

async fn cluster_with_pod() -> (FakeCluster, Api<Pod>) {
    let cluster = cluster().await;
    let pod: Pod = serde_json::from_value(json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-0", "namespace": "default"},
        "spec": {"nodeName": "node", "containers": [{"name": "app", "image": "app"}]},
    }))
    .unwrap();
    cluster.apply(&pod).unwrap();
    let pods = Api::default_namespaced(cluster.client().unwrap());
    (cluster, pods)
}

#[tokio::test]
async fn a_log_is_cut_in_a_character() {
    let (cluster, pods) = cluster_with_pod().await;
    cluster.container("default", "web-0", "app").log("zwölf");
    let log = Calls::any().resource("pods/log").name("web-0");
    let handle = cluster.faults().add(log.clone(), Fault::cut_after_bytes(3).cleanly());
    let mut bytes = Vec::new();
    let mut stream = pods.log_stream("web-0", &LogParams::default()).await.unwrap();
    futures::AsyncReadExt::read_to_end(&mut stream, &mut bytes).await.unwrap();
    assert_eq!(bytes, b"zw\xc3");
    handle.remove();
    cluster.faults().add(log, Fault::cut_after_bytes(3));
    let mut bytes = Vec::new();
    let mut stream = pods.log_stream("web-0", &LogParams::default()).await.unwrap();
    futures::AsyncReadExt::read_to_end(&mut stream, &mut bytes).await.unwrap_err();
    assert_eq!(bytes, b"zw\xc3");
}

/// What came of stdout, whether the server said how the command ended, and whether the connection ended well.
async fn end(mut process: AttachedProcess) -> (String, bool, bool) {
    let status = timeout(LONG, process.take_status().unwrap()).await.unwrap();
    let mut stdout = process.stdout().unwrap();
    let mut bytes = Vec::new();
    // kube does not end a stream whose connection was cut.
    while let Ok(Ok(1..)) = timeout(SHORT, stdout.read_buf(&mut bytes)).await {}
    (String::from_utf8(bytes).unwrap(), status.is_some(), process.join().await.is_ok())
}

async fn exec(pods: &Api<Pod>) -> AttachedProcess {
    pods.exec("web-0", ["say"], &AttachParams::default().stdin(false).stderr(false)).await.unwrap()
}

#[tokio::test]
async fn an_exec_is_cut() {
    let (cluster, pods) = cluster_with_pod().await;
    cluster.container("default", "web-0", "app").on_command(|_| ("hello", "", 0));
    assert_eq!(end(exec(&pods).await).await, ("hello".to_owned(), true, true));
    timeout(LONG, cluster.until_no_requests()).await.unwrap();
    let whole = cluster.requests().pop().unwrap();
    assert_eq!((whole.status, whole.resource.as_str()), (Some(101), "pods/exec"));
    assert!(whole.sent > 5, "{whole:?}");

    let calls = Calls::any().resource("pods/exec");
    for (fault, text, clean) in [
        (Fault::cut_after_bytes(0), "", false),
        // The last frame closes the websocket, the one before has the status.
        (Fault::cut_after_bytes(whole.sent - 10), "hello", false),
        (Fault::cut_after_events(0).cleanly(), "", true),
    ] {
        let handle = cluster.faults().add(calls.clone(), fault.clone());
        let expected = (text.to_owned(), false, clean);
        assert_eq!(end(exec(&pods).await).await, expected, "{fault:?}");
        timeout(LONG, cluster.until_no_requests()).await.unwrap();
        handle.remove();
    }
}

#[tokio::test]
async fn a_restart_ends_an_exec() {
    let (cluster, pods) = cluster_with_pod().await;
    cluster.container("default", "web-0", "app").on_exec(|_| std::future::pending());
    let process = exec(&pods).await;
    assert_eq!(cluster.requests_open(), 1);
    cluster.faults().restart();
    assert_eq!(end(process).await, (String::new(), false, false));
    timeout(LONG, cluster.until_no_requests()).await.unwrap();
}
