//! What the demo's containers write.
use chrono::{DateTime, TimeDelta, Utc};
use kube_ext::fake::{Container, FakeCluster};

use super::shell::{self, Host};

/// Namespace, pod and container of those that run, and what each writes.
const RUNNING: [(&str, &str, &str, Voice); 12] = [
    ("shop", "web-5d4f8c7b9-2x7kq", "app", Voice::Web),
    ("shop", "web-5d4f8c7b9-2x7kq", "proxy", Voice::Proxy),
    ("shop", "web-5d4f8c7b9-9gh4m", "app", Voice::Web),
    ("shop", "web-5d4f8c7b9-9gh4m", "proxy", Voice::Proxy),
    ("shop", "web-5d4f8c7b9-fk8wd", "app", Voice::Web),
    ("shop", "web-5d4f8c7b9-fk8wd", "proxy", Voice::Proxy),
    ("shop", "legacy-0", "app", Voice::Quiet),
    ("data", "db-0", "postgres", Voice::Database),
    ("data", "db-0", "exporter", Voice::Quiet),
    ("data", "db-1", "restore", Voice::Database),
    ("data", "db-1", "postgres", Voice::Database),
    ("batch", "import-w7c5t", "import", Voice::Import),
];

/// How many seconds of log there are at the start.
const PAST: u64 = 600;

/// What a container has to say.
#[derive(Clone, Copy, Debug)]
enum Voice {
    Web,
    Proxy,
    Database,
    Import,
    Quiet,
}

/// The containers that write all the time.
pub(super) struct Logs(Vec<(Container, Voice)>);

impl Logs {
    /// Attaches a past and a shell to every container.
    pub(super) fn start(cluster: &FakeCluster) -> Self {
        let now = Utc::now();
        let containers = RUNNING.into_iter().map(|(namespace, pod, name, voice)| {
            let container = cluster.container(namespace, pod, name);
            let host = Host { pod: pod.to_owned(), container: name.to_owned() };
            container.on_exec(move |process| shell::exec(host.clone(), process));
            let seconds = (0..PAST).zip((1..=PAST).rev());
            let past = seconds.filter_map(|(second, ago)| {
                let time = now - TimeDelta::seconds(i64::try_from(ago).unwrap_or_default());
                Some((time, voice.line(second, time)?))
            });
            container.log_lines(past);
            (container, voice)
        });
        Self(containers.collect())
    }

    /// What is written in a second.
    pub(super) fn write(&self, second: u64) {
        for (container, voice) in &self.0 {
            if let Some(line) = voice.line(PAST + second, Utc::now()) {
                container.log(line);
            }
        }
    }
}

impl Voice {
    fn line(self, second: u64, now: DateTime<Utc>) -> Option<String> {
        const PATHS: [&str; 5] = ["/", "/cart", "/search?q=teapot", "/item/7", "/login"];
        let choice = usize::try_from(second % 5).unwrap_or_default();
        let path = PATHS.get(choice).unwrap_or(&"/");
        let clock = now.format("%H:%M:%S%.3f");
        match self {
            Self::Web if second.is_multiple_of(17) => {
                Some(format!("{clock} ERROR GET {path} 500 upstream cart: connection refused"))
            }
            Self::Web => Some(format!("{clock} INFO GET {path} 200 {}ms", 3 + second * 7 % 40)),
            Self::Proxy if second.is_multiple_of(3) => {
                Some(format!("{{\"level\":\"info\",\"path\":\"{path}\",\"bytes\":{}}}", 900 + second % 100))
            }
            Self::Database if second.is_multiple_of(10) => {
                Some(format!("{clock} LOG:  checkpoint complete: wrote {} buffers", second % 512))
            }
            Self::Import if second.is_multiple_of(2) => {
                Some(format!("imported {} of 100000 rows", second * 50 % 100_000))
            }
            Self::Quiet if second == 0 => Some("started".to_owned()),
            Self::Proxy | Self::Database | Self::Import | Self::Quiet => None,
        }
    }
}
