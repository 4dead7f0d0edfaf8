//! The same command in many pods.
use std::{future::pending, sync::Arc, time::Duration};

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, ResourceExt as _, api::ListParams};
use kube_ext::{
    exec::{Cause, ExecExt as _, run_all},
    fake::{Exit, FakeCluster, Process},
};
use tokio::{
    io::AsyncWriteExt as _,
    sync::{Barrier, Semaphore},
};

use super::setup::{Gauge, cluster_with, command, pod, pods, until, within};

/// A cluster with the pods `web-0` and so on, and how many commands ran there at once at most.
async fn cluster(count: usize) -> (FakeCluster, Arc<Gauge>) {
    cluster_of_groups(count, 1).await
}

/// The same, where no command ends before so many have begun.
async fn cluster_of_groups(count: usize, size: usize) -> (FakeCluster, Arc<Gauge>) {
    let barrier = Arc::new(Barrier::new(size));
    let pods = (0..count).map(|number| pod(&format!("web-{number}")));
    let cluster = FakeCluster::builder().objects(pods).start().await.unwrap();
    let gauge = Arc::new(Gauge::default());
    for number in 0..count {
        let (gauge, barrier) = (gauge.clone(), barrier.clone());
        // Says its number, and ends with it as far as it goes.
        cluster.container("default", &format!("web-{number}"), "app").on_exec(move |mut process: Process| {
            let (gauge, barrier) = (gauge.clone(), barrier.clone());
            async move {
                gauge.enter();
                barrier.wait().await;
                tokio::time::sleep(Duration::from_millis(number as u64 % 7)).await;
                process.stdout.write_all(number.to_string().as_bytes()).await.unwrap();
                process.stderr.write_all(process_name(&process).as_bytes()).await.unwrap();
                gauge.leave();
                Exit::code(u8::try_from(number % 256).unwrap())
            }
        });
    }
    (cluster, gauge)
}

fn process_name(process: &Process) -> String {
    process.argv().join(" ")
}

#[tokio::test]
async fn a_thousand_50_at_a_time() {
    let (cluster, gauge) = cluster_of_groups(1000, 50).await;
    let pods = pods(&cluster);
    let names = (0..1000).map(|number| (number, format!("web-{number}")));
    let mut results =
        run_all(names, |(number, name)| pods.command(name, "x").arg(number.to_string()).container("app"))
            .concurrency(50);
    let mut seen = vec![false; 1000];
    while let Some(((number, _), result)) = within(results.next()).await {
        let output = result.unwrap();
        assert_eq!(output.status.code(), number % 256);
        assert_eq!(output.stdout, number.to_string().into_bytes());
        assert_eq!(output.stderr, format!("x {number}").into_bytes());
        assert!(!std::mem::replace(&mut seen[usize::try_from(number).unwrap()], true), "{number} came twice");
    }
    assert!(seen.iter().all(|seen| *seen));
    assert_eq!(gauge.most(), 50);
    // It stays at its end.
    assert!(results.next().await.is_none());
    until(|| cluster.open_streams() == 0).await;
}

#[tokio::test]
async fn one_at_a_time() {
    for concurrency in [0, 1] {
        let (cluster, gauge) = cluster(20).await;
        let list = pods(&cluster).list(&ListParams::default()).await.unwrap().items;
        let api = pods(&cluster);
        let order: Vec<String> = list.iter().map(kube::ResourceExt::name_any).collect();
        let results = run_all(list, |pod: &Pod| api.command(pod.name_any(), "x")).concurrency(concurrency);
        let done: Vec<String> = within(
            results
                .map(|(pod, result)| {
                    assert_eq!(result.unwrap().stdout, pod.name_any().as_bytes()["web-".len()..]);
                    pod.name_any()
                })
                .collect(),
        )
        .await;
        assert_eq!(done, order);
        assert_eq!(gauge.most(), 1);
    }
}

#[tokio::test]
async fn more_at_once_than_there_are() {
    let (cluster, _) = cluster(3).await;
    let pods = pods(&cluster);
    let results = run_all(["web-0", "web-1", "web-2"], |pod| pods.command(*pod, "x")).concurrency(usize::MAX);
    assert_eq!(within(results.count()).await, 3);
    let nobody: [&str; 0] = [];
    assert_eq!(within(run_all(nobody, |pod| pods.command(*pod, "x")).count()).await, 0);
}

#[tokio::test]
async fn what_goes_wrong_in_one_is_its_own() {
    let (cluster, _) = cluster(10).await;
    cluster.container("default", "web-4", "app").on_exec(async |_| Exit::not_found("x"));
    let pods = pods(&cluster);
    let names = ["web-0", "web-1", "nobody", "web-2", "no/name", "web-3", "web-4", "web-5"];
    let results = run_all(names, |pod| pods.command(*pod, "x").container("app")).concurrency(2);
    let mut results: Vec<_> = within(results.collect::<Vec<_>>()).await;
    results.sort_by_key(|(pod, _)| names.iter().position(|name| name == pod));
    assert_eq!(results.iter().map(|(pod, _)| *pod).collect::<Vec<_>>(), names);
    for (pod, result) in results {
        match (pod, result) {
            ("nobody", Err(error)) => {
                assert_eq!(
                    error.to_string(),
                    r#"exec x in pod default/nobody container app: pods "nobody" not found"#
                );
            }
            ("no/name", Err(error)) => assert!(matches!(error.cause(), Cause::Invalid { .. })),
            ("web-4", Err(error)) => assert!(matches!(error.cause(), Cause::ProgramNotFound { .. })),
            (pod, Ok(output)) => assert_eq!(format!("web-{}", output.status.code()), pod),
            (pod, Err(error)) => panic!("{pod}: {error}"),
        }
    }
}

#[tokio::test]
async fn results_come_as_they_come() {
    let gates: [Arc<Semaphore>; 4] = std::array::from_fn(|_| Arc::new(Semaphore::new(0)));
    let behind = gates.clone();
    let cluster = cluster_with(move |process: Process| {
        let gate = behind[process.argv()[1].parse::<usize>().unwrap()].clone();
        async move {
            gate.acquire().await.unwrap().forget();
            Exit::SUCCESS
        }
    })
    .await;
    let pods = pods(&cluster);
    let mut results = run_all(0..4, |number| command(&pods).arg(number.to_string()));
    for number in [2, 0, 3, 1] {
        gates[number].add_permits(1);
        let (done, result) = within(results.next()).await.unwrap();
        assert_eq!(done, number);
        result.unwrap();
    }
    assert!(within(results.next()).await.is_none());
}

#[tokio::test]
async fn commands_are_made_when_it_is_their_turn() {
    let (cluster, _) = cluster(10).await;
    let pods = pods(&cluster);
    let made = Arc::new(Semaphore::new(0));
    let count = made.clone();
    let mut results = run_all(0..10, move |number| {
        count.add_permits(1);
        pods.command(format!("web-{number}"), "x")
    })
    .concurrency(3);
    assert_eq!(made.available_permits(), 0);
    for done in 0..10 {
        within(results.next()).await.unwrap().1.unwrap();
        assert!(made.available_permits() <= (done + 3).min(10), "{} of {done}", made.available_permits());
    }
}

/// An iterator may begin again after its end. What has ended has ended.
#[tokio::test]
async fn pods_end_once() {
    let (cluster, _) = cluster(1).await;
    let pods = pods(&cluster);
    let mut turn = 0;
    let on_and_off = std::iter::from_fn(move || {
        turn += 1;
        (turn % 2 == 1).then_some("web-0")
    });
    let results = run_all(on_and_off, |pod| pods.command(*pod, "x"));
    assert_eq!(within(results.take(10).count()).await, 1);
}

#[tokio::test]
async fn dropped_in_the_middle() {
    let (cluster, _) = cluster(20).await;
    for number in 10..20 {
        cluster.container("default", &format!("web-{number}"), "app").on_exec(
            async |mut process: Process| {
                while process.stdout.write_all(b".").await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                Exit::code(141)
            },
        );
    }
    let pods = pods(&cluster);
    let mut results =
        run_all(0..20, |number| pods.command(format!("web-{number}"), "x").container("app")).concurrency(12);
    for _ in 0..10 {
        assert!(within(results.next()).await.unwrap().0 < 10);
    }
    tokio::select! {
        item = results.next() => panic!("{item:?}"),
        () = until(|| cluster.requests().len() >= 20) => (),
    }
    let asked = cluster.requests().len();
    assert!(cluster.open_streams() > 0);
    drop(results);
    until(|| cluster.open_streams() == 0).await;
    assert_eq!(cluster.requests().len(), asked);
}

#[tokio::test]
async fn one_that_hangs_does_not_hold_up_the_others() {
    let (cluster, _) = cluster(10).await;
    cluster.container("default", "web-0", "app").on_exec(async |_| pending().await);
    let pods: Api<Pod> = pods(&cluster);
    let results = run_all(0..10, |number| {
        let command = pods.command(format!("web-{number}"), "x");
        // The others take as long as they take.
        if *number == 0 { command.timeout(Duration::from_secs(30)) } else { command }
    })
    .concurrency(2);
    let results: Vec<_> = within(results.collect::<Vec<_>>()).await;
    let (last, result) = results.last().unwrap();
    assert_eq!((results.len(), *last), (10, 0));
    assert!(matches!(result.as_ref().unwrap_err().cause(), Cause::TimedOut { .. }));
    assert!(results[..9].iter().all(|(_, result)| result.is_ok()));
}
