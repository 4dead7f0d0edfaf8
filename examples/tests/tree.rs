//! The example `tree` where there is no kubeconfig: it shows what the demo's objects own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail")]

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use k8s_openapi::api::core::v1::Pod;
use kube_ext::fake::{Calls, Fault};
use kube_ext_examples::demo::Demo;
use serde_json::Value;

const TMP: &str = env!("CARGO_TARGET_TMPDIR");

const WEB: &str = "\
NAMESPACE  NAME
shop       Deployment/web
shop       └─ReplicaSet/web-5d4f8c7b9
shop         ├─Pod/web-5d4f8c7b9-2x7kq
shop         ├─Pod/web-5d4f8c7b9-9gh4m
shop         └─Pod/web-5d4f8c7b9-fk8wd
";

const POD: &str = "pod/web-5d4f8c7b9-2x7kq";

/// The example, which `cargo test` built beside this test.
fn program() -> Command {
    let test = std::env::current_exe().unwrap();
    let mut program = Command::new(test.ancestors().nth(2).unwrap().join("examples/tree"));
    program.env_clear().env("HOME", PathBuf::from(TMP));
    program
}

/// Its standard output, standard error and exit code.
fn example(args: &[&str]) -> (String, String, i32) {
    let output = program().args(args).output().unwrap();
    let [stdout, stderr] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    (stdout, stderr, output.status.code().unwrap())
}

/// The same in the demo, without telling of it.
fn run(args: &[&str]) -> (String, String, i32) {
    let (stdout, stderr, code) = example(&[&["--fake"], args].concat());
    let demo = "as asked: this is the demo cluster inside the example\n";
    (stdout, stderr.strip_prefix(demo).unwrap_or(&stderr).to_owned(), code)
}

/// Standard output of one that has nothing to complain about.
fn shown(args: &[&str]) -> String {
    let (stdout, stderr, code) = run(args);
    assert_eq!((stderr.as_str(), code), ("", 0), "{args:?}");
    stdout
}

/// A table without its last column.
fn without_ages(table: &str) -> String {
    let row =
        |line: &str| line.trim_end().rsplit_once(' ').map_or("", |(row, _)| row.trim_end()).to_owned() + "\n";
    table.lines().map(row).collect()
}

/// Names alone.
fn tree(args: &[&str]) -> String {
    without_ages(&shown(&[args, &["--no-status"]].concat()))
}

#[test]
fn what_an_object_owns() {
    let table = shown(&["deploy/web", "--no-status"]);
    assert_eq!(without_ages(&table), WEB);
    let ages: Vec<_> = table.lines().filter_map(|row| row.split_whitespace().last()).take(2).collect();
    assert_eq!(ages, ["AGE", "5d2h"]);
    assert_eq!(tree(&["Deployment.apps", "web", "-n", "shop"]), WEB);
    assert_eq!(tree(&["deploy/web", "-A"]), WEB);
    assert_eq!(
        tree(&["sts/db", "-n", "data"]),
        "NAMESPACE  NAME\n\
         data       StatefulSet/db\n\
         data       ├─Backup/nightly\n\
         data       ├─Pod/db-0\n\
         data       └─Pod/db-1\n"
    );
}

#[test]
fn what_an_object_is_owned_by() {
    let up = "NAMESPACE  NAME\n\
              shop       Pod/web-5d4f8c7b9-2x7kq\n\
              shop       └─ReplicaSet/web-5d4f8c7b9\n\
              shop         └─Deployment/web\n";
    assert_eq!(tree(&[POD, "--up"]), up);
    let unlisted = "NAMESPACE  NAME\n\
                    shop       Pod/web-5d4f8c7b9-2x7kq\n\
                    shop       └─ReplicaSet/web-5d4f8c7b9 (not listed)\n";
    assert_eq!(tree(&[POD, "--up", "--exclude", "rs"]), unlisted);
}

#[test]
fn what_owns_nothing_says_so() {
    let nothing = "No resources are owned by this object through ownerReferences.\n";
    assert_eq!(shown(&[POD]), nothing);
    // It is in no namespace, and is found all the same.
    assert_eq!(shown(&["node/demo-1"]), nothing);
    assert_eq!(shown(&["deploy/web", "--up"]), "No resources own this object through ownerReferences.\n");
    assert_eq!(shown(&["-n", "nowhere"]), "No resources are owned by others through ownerReferences.\n");
}

#[test]
fn kinds_are_chosen() {
    let replica_sets: String = WEB.split_inclusive('\n').take(3).collect();
    assert_eq!(tree(&["deploy/web", "--kinds", "rs"]), replica_sets);
    assert_eq!(tree(&["deploy/web", "--exclude", "events,pods"]), replica_sets);
    assert_eq!(tree(&["deploy/web", "--kinds", "rs,po"]), WEB);
}

#[test]
fn all_trees() {
    let roots = |args: &[&str]| -> Vec<String> {
        let table = shown(args);
        table
            .split("\n\n")
            .map(|tree| {
                let row: Vec<_> = tree.lines().nth(1).unwrap().split_whitespace().collect();
                format!("{} {}", row[0], row[1])
            })
            .collect()
    };
    let of_shop = ["cart", "mail", "search", "web"].map(|name| format!("shop Deployment/{name}"));
    assert_eq!(roots(&[]), of_shop);
    let of_all = roots(&["-A"]);
    for root in of_shop.iter().map(String::as_str).chain(["batch CronJob/report", "data StatefulSet/db"]) {
        assert!(of_all.iter().any(|other| other == root), "no {root} in {of_all:?}");
    }
    assert!(!shown(&[]).ends_with("\n\n"));
}

#[test]
fn pictures_of_what_an_object_owns() {
    let dot = shown(&["deploy/web", "-o", "dot"]);
    assert!(dot.starts_with("digraph {\n") && dot.ends_with("}\n"), "{dot}");
    assert!(dot.contains("label = \"Deployment\\nweb\\nshop\" shape = box"), "{dot}");
    assert_eq!(dot.matches(" -> ").count(), 4, "{dot}");

    let mermaid = shown(&[POD, "--up", "-o", "mermaid"]);
    assert_eq!(
        mermaid,
        "flowchart TD\n  \
           n0[\"Deployment<br>web<br>shop\"]\n  \
           n1[\"Pod<br>web-5d4f8c7b9-2x7kq<br>shop\"]\n  \
           n2[\"ReplicaSet<br>web-5d4f8c7b9<br>shop\"]\n  \
           n0 --> n2\n  \
           n2 --> n1\n"
    );

    let json: Value = serde_json::from_str(&shown(&["deploy/web", "-o", "json"])).unwrap();
    let (nodes, edges) = (json["nodes"].as_array().unwrap(), json["edges"].as_array().unwrap());
    let names: Vec<_> = nodes.iter().map(|node| node["name"].as_str().unwrap()).collect();
    let pods = ["2x7kq", "9gh4m", "fk8wd"].map(|pod| format!("web-5d4f8c7b9-{pod}"));
    assert_eq!(names, ["web", &pods[0], &pods[1], &pods[2], "web-5d4f8c7b9"]);
    assert_eq!(edges.len(), 4);
    for edge in edges {
        let end = |end: &str| &nodes[usize::try_from(edge[end].as_u64().unwrap()).unwrap()]["kind"];
        let kinds = (end("from").as_str().unwrap(), end("to").as_str().unwrap());
        assert!([("Deployment", "ReplicaSet"), ("ReplicaSet", "Pod")].contains(&kinds), "{edge}");
        assert_eq!((&edge["controller"], &edge["flaw"]), (&Value::Bool(true), &Value::Null));
    }
}

#[test]
fn pictures_of_all() {
    let json: Value = serde_json::from_str(&shown(&["-o", "json"])).unwrap();
    let nodes = json["nodes"].as_array().unwrap();
    let count = |kind: &str| nodes.iter().filter(|node| node["kind"] == kind).count();
    assert_eq!((count("Deployment"), count("ReplicaSet"), count("Pod")), (4, 4, 6));
    // Neither owns anything, nor is it owned.
    assert_eq!(count("Service"), 0);
}

#[test]
fn how_they_are() {
    let table = shown(&["deploy/web"]);
    let rows: Vec<Vec<_>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["NAMESPACE", "NAME", "READY", "REASON", "STATUS", "AGE"]);
    assert_eq!(rows[1], ["shop", "Deployment/web", "-", "Current", "5d2h"]);
    assert_eq!(rows[3][1..4], ["├─Pod/web-5d4f8c7b9-2x7kq", "True", "Current"]);

    let json: Value = serde_json::from_str(&shown(&["deploy/web", "-o", "json"])).unwrap();
    let status = &json["nodes"][0]["status"];
    assert_eq!((&status["ready"], &status["health"]), (&"3/3".into(), &"Current".into()), "{status}");
}

#[test]
fn what_they_have_to_do_with() {
    let table = tree(&["svc/web", "--relations"]);
    let first: String = table.split_inclusive('\n').take(6).collect();
    let expected = "\
NAMESPACE  NAME
shop       Service/web
shop       └─EndpointSlice/web-7k2lp (slice)
shop         ├─Pod/web-5d4f8c7b9-2x7kq (endpoint)
shop         │ ├─ConfigMap/web (config map)
             │ ├─Node/demo-1 (runs on: not listed)
";
    assert_eq!(first, expected);
    let all = tree(&["svc/web", "--relations", "-A"]);
    assert!(all.contains("├─Node/demo-1 (runs on)\n"), "{all}");
    let up = tree(&["cm/web", "--relations", "--up"]);
    assert!(up.contains("├─Pod/web-5d4f8c7b9-2x7kq (config map)\n"), "{up}");
    let dot = shown(&["svc/web", "--relations", "-o", "dot"]);
    assert!(dot.contains("label = \"endpoint\""), "{dot}");
}

#[test]
fn it_is_shown_again_when_it_changes() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let demo = runtime.block_on(Demo::start()).unwrap();
    let path = Path::new(TMP).join("tree-watch.kubeconfig");
    fs::write(&path, demo.cluster().kubeconfig("shop")).unwrap();
    let mut child = program()
        .args(["--kubeconfig", path.to_str().unwrap(), "--no-status", "--watch", "sts/db", "-n", "data"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut until = |last: &str| -> Vec<String> {
        let mut shown = Vec::new();
        for line in lines.by_ref() {
            let is_last = line.contains(last);
            shown.push(line);
            if is_last {
                break;
            }
        }
        shown
    };
    assert_eq!(until("└─Pod/db-1").len(), 5);
    runtime.block_on(async {
        let pods = kube::Api::<Pod>::namespaced(demo.cluster().client().unwrap(), "data");
        pods.delete("db-1", &kube::api::DeleteParams::default().grace_period(0)).await.unwrap();
    });
    let again = until("└─Pod/db-0");
    assert!(again.iter().any(|line| line.is_empty()) && again.len() > 4, "{again:?}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn what_is_not_there_is_an_error() {
    let failed = |args: &[&str], expected: &str| {
        let (stdout, stderr, code) = run(args);
        assert_eq!((stdout.as_str(), stderr.as_str(), code), ("", expected, 1), "{args:?}");
    };
    failed(&["deploy/nobody"], "error: deployments.apps \"nobody\" not found in namespace shop\n");
    failed(&["deploy", "web", "-n", "data"], "error: deployments.apps \"web\" not found in namespace data\n");
    failed(&["node/nobody"], "error: nodes \"nobody\" not found\n");
    failed(&["widget/web"], "error: kind widget: the server serves no such kind\n");
    failed(&["deploy/web", "--kinds", "widgets"], "error: kind widgets: the server serves no such kind\n");
    failed(
        &["deploy/web", "--exclude", "deploy"],
        "error: web is of deployments.apps, and --exclude=deploy is set\n",
    );
    for object in ["web", "deploy/", "/web", "a/b/c"] {
        failed(&[object], &format!("error: {object:?} is no object: KIND/NAME or KIND NAME is\n"));
    }
    failed(&["deploy/web", "pods"], "error: \"deploy/web pods\" is no object: KIND/NAME or KIND NAME is\n");
}

#[test]
fn what_cannot_be_listed_is_told() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let demo = Demo::start().await.unwrap();
        let faults = demo.cluster().faults();
        faults.add(Calls::verb("list").resource("pods"), Fault::forbidden());
        let path = Path::new(TMP).join("tree.kubeconfig");
        fs::write(&path, demo.cluster().kubeconfig("shop")).unwrap();
        let ask = async |object: &'static str| {
            let path = path.to_str().unwrap().to_owned();
            let args = move || example(&["--kubeconfig", &path, "--no-status", object]);
            tokio::task::spawn_blocking(args).await.unwrap()
        };
        let gap = "pods in namespace shop: not listed: pods is forbidden: ";

        let (stdout, stderr, code) = ask("deploy/web").await;
        assert_eq!((without_ages(&stdout), code), (WEB.split_inclusive('\n').take(3).collect(), 0));
        assert!(stderr.starts_with(gap) && stderr.lines().count() == 1, "{stderr}");

        let (stdout, stderr, code) = ask(POD).await;
        assert_eq!((stdout.as_str(), code), ("", 1));
        let error = "\nerror: pods \"web-5d4f8c7b9-2x7kq\" could not be looked for in namespace shop\n";
        assert!(stderr.starts_with(gap) && stderr.ends_with(error), "{stderr}");
    });
}
