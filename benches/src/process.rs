//! Programs that are measured side by side, each in a process of its own.

use std::{env, fs, path::PathBuf};

/// Where a program is: on the `PATH`, or where `.ci/cluster` puts what it builds.
pub fn program(name: &str) -> Option<PathBuf> {
    let on_path = env::var_os("PATH").map(|path| env::split_paths(&path).collect::<Vec<_>>());
    let cache = env::var_os("KUBE_EXT_CLUSTER_CACHE").map(PathBuf::from).or_else(|| {
        let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = cache.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")))?;
        Some(cache.join("kube-ext-cluster"))
    });
    let folders = on_path.into_iter().flatten().chain(cache.map(|cache| cache.join("bin")));
    folders.map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// The most memory that a process has had resident, in KiB.
pub fn peak_of(process: &str) -> Option<u64> {
    kib_of(process, "VmHWM:")
}

/// The memory that a process has resident, in KiB.
pub fn resident_of(process: &str) -> Option<u64> {
    kib_of(process, "VmRSS:")
}

/// The memory that programs could have, in KiB.
pub fn available() -> Option<u64> {
    kib("/proc/meminfo", "MemAvailable:")
}

fn kib_of(process: &str, field: &str) -> Option<u64> {
    kib(&format!("/proc/{process}/status"), field)
}

fn kib(file: &str, field: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// Hundredths of a second of processor time that the children have had that were waited for.
pub fn processor_time_of_children() -> Option<u64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name may have spaces; after it come state, parent and so on, up to the four times.
    let (_, fields) = stat.rsplit_once(") ")?;
    fields.split(' ').skip(13).take(2).map(|ticks| ticks.parse::<u64>().ok()).sum()
}

/// A number of bytes, lines or the like.
#[expect(clippy::cast_precision_loss, reason = "far less than 2^52")]
#[must_use]
pub fn float(number: u64) -> f64 {
    number as f64
}

/// The one in the middle.
#[must_use]
pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}
