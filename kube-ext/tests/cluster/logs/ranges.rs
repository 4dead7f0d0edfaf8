//! Parts of a log: by number, by time, by size.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::setup::{Ask, all_lines, check, ours, script};
use crate::exec::setup::{LIMIT, play, pod_with};
use crate::log_node::{kubectl_logs, start};

#[tokio::test(flavor = "multi_thread")]
async fn as_kubectl_cuts_them() {
    play("ranges", LIMIT, async |scene| {
        let app = "seq 1 200; sleep 2.5; seq 201 300; sleep 2.5; seq 301 320";
        let spec = json!({"restartPolicy": "Never", "containers": [script("app", app)]});
        let completed = json!({"terminated": {"exitCode": 0, "reason": "Completed"}});
        start(scene, pod_with("web", spec, "Succeeded", &[completed])).await;

        let all = all_lines(scene, "web", 320).await;
        let numbers: Vec<_> = all.iter().map(|line| line.text().parse::<usize>().unwrap()).collect();
        assert!(numbers.into_iter().eq(1..=320));
        let second = |at: usize, seconds: i64| -> DateTime<Utc> {
            let time = all[at].timestamp() + TimeDelta::seconds(seconds);
            DateTime::from_timestamp(time.timestamp(), 0).unwrap()
        };
        let none = Ask::default();
        let hour = Some(Duration::from_secs(3600));
        let mut asks = vec![none, Ask { since: hour, ..none }];
        asks.extend([0, 1, 7, 20, 21, 319, 320, 321, 5000].map(|lines| Ask { tail: Some(lines), ..none }));
        asks.extend(
            [1, 2, 3, 9, 10, 11, 500, 1171, 1172, 1173, 5000]
                .map(|bytes| Ask { limit_bytes: Some(bytes), ..none }),
        );
        for time in [
            second(0, -60),
            second(0, 0),
            second(199, 0),
            second(200, 0),
            second(200, -1),
            second(299, 1),
            second(300, 0),
            second(319, 60),
        ] {
            asks.push(Ask { since_time: Some(time), ..none });
            asks.push(Ask { since_time: Some(time), tail: Some(110), ..none });
            asks.push(Ask { since_time: Some(time), limit_bytes: Some(100), ..none });
        }
        asks.push(Ask { tail: Some(50), limit_bytes: Some(31), ..none });
        asks.push(Ask { tail: Some(50), since: hour, ..none });
        for ask in asks {
            let expected = kubectl_logs(scene, "web", "app", ask).await;
            // kubectl ends where the bytes do, and a stream with the line that they end in.
            check(&format!("{ask:?}"), &ours(scene, "web", "app", ask).await, &expected);
            let ask = Ask { timestamps: true, prefix: true, limit_bytes: None, ..ask };
            let expected = kubectl_logs(scene, "web", "app", ask).await;
            check(&format!("{ask:?}"), &ours(scene, "web", "app", ask).await, &expected);
        }
        // All is older than that by now.
        tokio::time::sleep(Duration::from_secs(3)).await;
        let ask = Ask { since: Some(Duration::from_secs(1)), ..none };
        assert_eq!(kubectl_logs(scene, "web", "app", ask).await, b"");
        assert_eq!(ours(scene, "web", "app", ask).await, b"");
    })
    .await;
}
