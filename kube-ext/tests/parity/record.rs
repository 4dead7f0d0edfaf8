//! Records the answers of the current context's cluster, which the server inside the process is held against:
//! `cargo test -p kube-ext --test record-answers`, then look at the change and commit it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "mod.rs"]
mod parity;
mod real;

use std::fs;

#[tokio::main]
async fn main() {
    let transcript = real::transcript(|_| true).await;
    for (scenario, place) in parity::expiring() {
        let step = &transcript[&scenario][place];
        assert_eq!(step["code"], 410, "try again in ten minutes: {scenario}: {step}");
    }
    for (scenario, step) in
        transcript.iter().flat_map(|(name, steps)| steps.iter().map(move |step| (name, step)))
    {
        assert!(step.get("error").is_none(), "not an answer: {scenario}: {step}");
    }
    let folder = parity::folder();
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    for (scenario, steps) in &transcript {
        let lines: Vec<_> = steps.iter().map(ToString::to_string).collect();
        let text = format!("[\n{}\n]\n", lines.join(",\n"));
        fs::write(folder.join(format!("{scenario}.json")), text).expect("write");
    }
    println!("{} answers", transcript.values().map(Vec::len).sum::<usize>());
}
