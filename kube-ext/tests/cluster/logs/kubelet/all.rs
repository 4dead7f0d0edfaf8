//! All of a pod at once, each container as `kubectl logs` prints it.

use kube_ext::logs::{LogExt as _, Tail};
use serde_json::json;

use crate::exec::setup::{LIMIT, play, pod_with};
use crate::log_node::{flags, print_logs};
use crate::logs::setup::{Ask, all_lines, check, lines, print, script};

#[tokio::test(flavor = "multi_thread")]
async fn container_by_container() {
    play("all-containers", LIMIT, async |scene| {
        let numbers = |name: &str| script(name, "for n in $(seq 1 1000); do echo $n; echo $n >&2; done");
        let spec = json!({
            "restartPolicy": "Never",
            "initContainers": [numbers("setup"), numbers("second-setup")],
            "containers": [numbers("app"), numbers("proxy"), numbers("other")],
        });
        let completed = json!({"terminated": {"exitCode": 0, "reason": "Completed"}});
        scene.start(pod_with("web", spec, "Succeeded", &[(); 5].map(|()| completed.clone()))).await;
        let all = all_lines(scene, "web", 10_000).await;
        assert_eq!(all.len(), 10_000);
        for (prefix, timestamps) in [(false, false), (true, false), (true, true)] {
            let ask = Ask { prefix, timestamps, ..Ask::default() };
            // With `--all-containers`, kubectl's order of containers is that of a map.
            for container in ["setup", "second-setup", "app", "proxy", "other"] {
                let mut arguments = vec!["web".to_owned(), format!("--container={container}")];
                arguments.extend(flags(ask));
                let expected = print_logs(scene, &arguments);
                let found = all.iter().filter(|line| line.container() == container);
                check(&format!("{container} {ask:?}"), &print(ask.format(), found), &expected);
            }
        }
        // In the order of their times, and of each container as it wrote them.
        let merged = lines(scene.pods().tail(Tail::new().pod("web")).merged()).await;
        assert_eq!(merged.len(), all.len());
        for container in ["setup", "app", "other"] {
            let of = |lines: &[kube_ext::logs::LogLine]| -> Vec<_> {
                let mine = lines.iter().filter(|line| line.container() == container);
                mine.map(|line| (line.timestamp(), line.bytes().to_vec())).collect()
            };
            assert!(of(&merged) == of(&all), "{container}");
        }
        let late = merged.windows(2).filter(|pair| pair[0].timestamp() > pair[1].timestamp()).count();
        // Of two outputs of a container, the younger line can come first.
        let inside = all
            .windows(2)
            .filter(|pair| {
                pair[0].container() == pair[1].container() && pair[0].timestamp() > pair[1].timestamp()
            })
            .count();
        assert!(late <= 2 * inside, "{late} lines too late, {inside} of which were so in their log");
    })
    .await;
}
