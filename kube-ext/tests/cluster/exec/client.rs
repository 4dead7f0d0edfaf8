//! Clients other than kube's own.

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::client::ConfigExt as _;
use kube_ext::client::nodelay;
use kube_ext::exec::ExecExt as _;

use super::setup::{LIMIT, play};

#[tokio::test(flavor = "multi_thread")]
async fn without_delay_through_rustls() {
    play("nodelay", LIMIT, async |scene| {
        scene.start_web().await;
        let tls = |config: &kube::Config, tcp| config.rustls_https_connector_with_connector(tcp);
        let client = nodelay(scene.cluster.config().await, tls).unwrap().build();
        let pods: Api<Pod> = Api::namespaced(client, &scene.namespace.name);
        // The first connection has a whole handshake, the others resume its session.
        for code in 3..6 {
            let script = format!("cat; echo error >&2; exit {code}");
            let command = pods.command("web", "sh").args(["-c", &script]).container("app");
            let output = command.input("meow").output().await.unwrap();
            assert_eq!((output.status.code(), output.stdout), (code, b"meow".to_vec()));
            assert_eq!(output.stderr, b"error\n");
        }
        // Another request, on a connection that is kept.
        assert_eq!(pods.get("web").await.unwrap().metadata.name.as_deref(), Some("web"));
    })
    .await;
}
