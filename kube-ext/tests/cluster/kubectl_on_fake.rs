//! kubectl against a cluster inside the process: it notices nothing.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use k8s_openapi::api::core::v1::Pod;
use kube::api::Api;
use kube_ext::fake::{Exit, FakeCluster, Rule};
use kube_ext::yaml::Yaml;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const OBJECTS: &str = r#"
apiVersion: v1
kind: Node
metadata: {name: node-1}
---
apiVersion: v1
kind: Pod
metadata: {name: web-0, namespace: default, labels: {app: web}, creationTimestamp: "2026-01-01T00:00:00Z"}
spec:
  nodeName: node-1
  containers:
  - {name: app, image: example.com/app:1, ports: [{containerPort: 8080}]}
  - {name: side, image: example.com/side:1}
status:
  phase: Running
  podIP: 10.0.0.7
  conditions: [{type: Ready, status: "True"}]
  containerStatuses:
  - {name: app, image: a, imageID: "", ready: true, started: true, restartCount: 1, containerID: "containerd://a", state: {running: {}}, lastState: {terminated: {exitCode: 1, containerID: "containerd://b"}}}
  - {name: side, image: a, imageID: "", ready: true, started: true, restartCount: 0, containerID: "containerd://c", state: {running: {}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: held, namespace: default, finalizers: [example.com/hold]}
data: {a: "1"}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: ships.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: ships, singular: ship, kind: Ship, listKind: ShipList, shortNames: [sh]}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
    additionalPrinterColumns: [{name: Guns, type: integer, jsonPath: .spec.guns}]
---
apiVersion: example.com/v1
kind: Ship
metadata: {name: victory, namespace: default}
spec: {guns: 104}
"#;

/// A cluster, and a folder with a kubeconfig for it.
struct Fixture {
    cluster: FakeCluster,
    folder: PathBuf,
}

impl Fixture {
    async fn start(name: &str) -> Self {
        let reads = Rule::verbs(["get"]).resources(["pods"]).namespace("default");
        let cluster = FakeCluster::builder().yaml(OBJECTS).user("reader", [reads]).start().await.unwrap();
        let folder = std::env::temp_dir().join(format!("kube-ext-{}-{name}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("kubeconfig"), cluster.kubeconfig("default")).unwrap();
        Self { cluster, folder }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut kubectl = Command::new("kubectl");
        kubectl
            .env("KUBECONFIG", self.folder.join("kubeconfig"))
            .env("KUBECACHEDIR", self.folder.join("cache"));
        kubectl.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        kubectl
    }

    fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut kubectl = self.command(arguments).spawn().expect("kubectl is on the PATH");
        kubectl.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        kubectl.wait_with_output().unwrap()
    }

    /// What kubectl prints. It must not fail.
    fn prints(&self, arguments: &[&str]) -> String {
        self.prints_of(arguments, "")
    }

    fn prints_of(&self, arguments: &[&str], input: &str) -> String {
        let output = self.run(arguments, input);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "kubectl {}: {errors}", arguments.join(" "));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What kubectl says when it fails.
    fn fails(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments, "");
        assert!(!output.status.success(), "kubectl {}", arguments.join(" "));
        String::from_utf8(output.stderr).unwrap()
    }

    /// Starts a kubectl that goes on; its standard output is read line by line.
    fn start_kubectl(&self, arguments: &[&str]) -> (Child, impl Iterator<Item = String>) {
        let mut kubectl = self.command(arguments).spawn().expect("kubectl is on the PATH");
        let lines = BufReader::new(kubectl.stdout.take().unwrap()).lines().map(Result::unwrap);
        (kubectl, lines)
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

fn end(mut kubectl: Child) {
    kubectl.kill().unwrap();
    kubectl.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn get_shows_what_is_there() {
    let fixture = Fixture::start("get").await;
    let table = fixture.prints(&["get", "pods", "-o", "wide"]);
    let row = words(table.lines().nth(1).unwrap());
    assert_eq!(row[..4], ["web-0", "2/2", "Running", "1"]);
    assert_eq!(row[5..], ["10.0.0.7", "node-1", "<none>", "<none>"]);
    assert_eq!(words(fixture.prints(&["get", "sh"]).lines().nth(1).unwrap())[..2], ["victory", "104"]);
    assert_eq!(fixture.prints(&["get", "all", "-o", "name"]), "pod/web-0\n");
    let api = Api::<Pod>::default_namespaced(fixture.cluster.client().unwrap());
    let pod = api.get("web-0").await.unwrap();
    assert_eq!(fixture.prints(&["get", "pod", "web-0", "-o", "yaml"]), pod.to_yaml().unwrap());
    assert_eq!(fixture.prints(&["get", "pods", "-l", "app=web", "-o", "name"]), "pod/web-0\n");
    assert_eq!(
        fixture.fails(&["get", "pod", "none"]),
        "Error from server (NotFound): pods \"none\" not found\n"
    );
    assert_eq!(
        fixture.fails(&["get", "pods", "--context", "reader"]),
        "Error from server (Forbidden): pods is forbidden: User \"reader\" cannot list resource \"pods\" in API group \"\" in \
         the namespace \"default\"\n"
    );
    assert_eq!(fixture.prints(&["auth", "can-i", "get", "pods", "--context", "reader"]), "yes\n");
    assert!(fixture.prints(&["api-resources"]).contains("example.com/v1"));
    assert!(fixture.prints(&["version"]).contains("Server Version: v1.36"));
    assert!(fixture.prints(&["describe", "pod", "web-0"]).contains("Image:"));
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_are_seen_by_a_watch() {
    let fixture = Fixture::start("watch").await;
    let (watch, mut lines) = fixture.start_kubectl(&["get", "pods", "-w", "--no-headers"]);
    assert_eq!(words(&lines.next().unwrap())[..3], ["web-0", "2/2", "Running"]);
    let pod =
        "apiVersion: v1\nkind: Pod\nmetadata: {name: new}\nspec: {containers: [{name: app, image: a}]}\n";
    fixture.prints_of(&["create", "--validate=false", "-f", "-"], pod);
    assert_eq!(words(&lines.next().unwrap())[..3], ["new", "0/1", "Pending"]);
    fixture.prints(&["label", "pod", "new", "a=b"]);
    assert_eq!(words(&lines.next().unwrap())[0], "new");
    fixture.prints_of(
        &["apply", "--server-side", "--validate=false", "-f", "-"],
        &pod.replace("new}", "new, labels: {c: d}}"),
    );
    assert_eq!(words(&lines.next().unwrap())[0], "new");
    assert_eq!(
        fixture.prints(&["get", "pod", "new", "-o", "jsonpath={.metadata.labels}"]),
        r#"{"a":"b","c":"d"}"#
    );
    fixture.prints(&["patch", "pod", "new", "-p", r#"{"metadata": {"labels": {"a": null}}}"#]);
    assert_eq!(words(&lines.next().unwrap())[0], "new");
    assert_eq!(fixture.prints(&["delete", "pod", "new"]), "pod \"new\" deleted from default namespace\n");
    // The server marks it before it takes it away.
    for _ in 0..2 {
        assert_eq!(words(&lines.next().unwrap())[..3], ["new", "0/1", "Terminating"]);
    }
    // A pod on a node is seen terminating before it is gone, and kubectl waits for that.
    assert_eq!(fixture.prints(&["delete", "pod", "web-0"]), "pod \"web-0\" deleted from default namespace\n");
    assert_eq!(words(&lines.next().unwrap())[..3], ["web-0", "2/2", "Terminating"]);
    assert_eq!(fixture.prints(&["get", "pods", "-o", "name"]), "");
    end(watch);

    fixture.prints(&["delete", "configmap", "held", "--wait=false"]);
    let (wait, _lines) = fixture.start_kubectl(&["wait", "--for=delete", "configmap/held", "--timeout=60s"]);
    fixture.prints(&[
        "patch",
        "configmap",
        "held",
        "--type=json",
        "-p",
        r#"[{"op": "remove", "path": "/metadata/finalizers"}]"#,
    ]);
    let waited = wait.wait_with_output().unwrap();
    assert!(waited.status.success(), "{}", String::from_utf8_lossy(&waited.stderr));
    fixture.prints(&["delete", "crd", "ships.example.com"]);
    // What kubectl knows of the cluster is minutes old.
    std::fs::remove_dir_all(fixture.folder.join("cache")).unwrap();
    assert!(fixture.fails(&["get", "ships"]).contains("the server doesn't have a resource type \"ships\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_read_and_followed() {
    let fixture = Fixture::start("logs").await;
    let (app, side) = (
        fixture.cluster.container("default", "web-0", "app"),
        fixture.cluster.container("default", "web-0", "side"),
    );
    app.log("before the restart");
    app.restart();
    app.log_at("2026-01-02T03:04:05.678Z".parse().unwrap(), "one");
    app.log_at("2026-01-02T03:04:06Z".parse().unwrap(), "two");
    side.log("beside");
    assert_eq!(fixture.prints(&["logs", "web-0", "-c", "app"]), "one\ntwo\n");
    assert_eq!(fixture.prints(&["logs", "web-0", "-c", "app", "--previous"]), "before the restart\n");
    assert_eq!(
        fixture.prints(&["logs", "web-0", "-c", "app", "--tail=1", "--timestamps"]),
        "2026-01-02T03:04:06.000000000Z two\n"
    );
    assert_eq!(fixture.prints(&["logs", "web-0", "-c", "app", "--since-time=2026-01-02T03:04:06Z"]), "two\n");
    assert_eq!(
        fixture.prints(&["logs", "-l", "app=web", "-c", "side", "--prefix"]),
        "[pod/web-0/side] beside\n"
    );
    let (follow, mut lines) = fixture.start_kubectl(&["logs", "-f", "web-0", "-c", "app"]);
    assert_eq!([lines.next().unwrap(), lines.next().unwrap()], ["one", "two"]);
    app.log("three");
    assert_eq!(lines.next().unwrap(), "three");
    app.finish();
    assert_eq!(lines.next(), None);
    assert!(follow.wait_with_output().unwrap().status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_run_and_ports_are_forwarded() {
    let fixture = Fixture::start("streams").await;
    let app = fixture.cluster.container("default", "web-0", "app");
    app.on_exec(async |mut process| match process.argv().first().map(String::as_str) {
        Some("cat") => {
            let mut input = Vec::new();
            process.stdin.read_to_end(&mut input).await.unwrap();
            process.stdout.write_all(&input).await.unwrap();
            Exit::SUCCESS
        }
        Some("fail") => {
            process.stderr.write_all(b"no\n").await.unwrap();
            Exit::code(7)
        }
        other => Exit::not_found(other.unwrap_or_default()),
    });
    let text = "all of it\n".repeat(100_000);
    assert_eq!(fixture.prints_of(&["exec", "-i", "web-0", "-c", "app", "--", "cat"], &text), text);
    let failed = fixture.run(&["exec", "web-0", "-c", "app", "--", "fail"], "");
    assert_eq!(failed.status.code(), Some(7));
    assert_eq!(String::from_utf8(failed.stderr).unwrap(), "no\ncommand terminated with exit code 7\n");
    assert!(
        fixture.fails(&["exec", "web-0", "-c", "app", "--", "none"]).contains("executable file not found")
    );

    let pod = fixture.cluster.pod("default", "web-0");
    pod.on_port(8080, async |mut connection| {
        let mut question = [0; 4];
        connection.read_exact(&mut question).await.unwrap();
        connection.write_all(b"pong").await.unwrap();
    });
    let (forward, mut lines) =
        fixture.start_kubectl(&["port-forward", "--address=127.0.0.1", "pod/web-0", ":8080"]);
    let line = lines.next().unwrap();
    let port = line.split(':').nth(1).unwrap().split_whitespace().next().unwrap().parse().unwrap();
    for _ in 0..5 {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        stream.write_all(b"ping").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "pong");
    }
    end(forward);
}
