//! Who keeps many objects, each in a process of its own: what an object takes at rest, and at the most while all are listed again.

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
    time::Duration,
};

use futures::{Stream, StreamExt as _};
use kube_ext::fake::{Calls, FakeCluster, Fault};
use tokio::io::AsyncBufReadExt as _;

use crate::process::{float, peak_of, resident_of};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// So many objects are in a page, unless a client is told otherwise.
const PAGE: usize = 500;

/// Starts each of the keepers as this program with `keep`, its number and how many objects there are, and prints a table of what it says.
///
/// # Errors
/// If one of them does not do its part.
pub fn compare(cluster: &FakeCluster, resource: &str, objects: usize, keepers: &[&str]) -> Result<()> {
    let folder = env::temp_dir().join(format!("kube-ext-bench-{resource}-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let kubeconfig = folder.join("kubeconfig");
    fs::write(&kubeconfig, cluster.kubeconfig("default"))?;
    println!(
        "| kept by | resident | at the peak of the first list | when all is listed again | ratio of that to rest |"
    );
    println!("| --- | --- | --- | --- | --- |");
    for (number, name) in keepers.iter().enumerate() {
        let mut keeper = Command::new(env::current_exe()?)
            .args(["keep", &number.to_string(), &objects.to_string()])
            .env("KUBECONFIG", &kubeconfig)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut lines = BufReader::new(keeper.stdout.take().ok_or("no stdout")?).lines();
        let first = lines.next().ok_or("no answer")??;
        let before = cluster.requests().len();
        let expired =
            cluster.faults().add(Calls::verb("watch").resource(resource).first(1), Fault::expired());
        cluster.faults().restart();
        // Once it watches again, the list is whole and in place.
        let is_done = || {
            let requests = cluster.requests();
            let lists = requests.iter().skip(before).filter(|it| it.verb == "list").count();
            lists >= objects.div_ceil(PAGE)
                && requests.last().is_some_and(|it| it.verb == "watch" && it.status == Some(200))
        };
        while !is_done() {
            std::thread::sleep(Duration::from_millis(10));
        }
        expired.remove();
        writeln!(keeper.stdin.take().ok_or("no stdin")?)?;
        let again = lines.next().ok_or("no answer")??;
        keeper.wait()?;
        let of =
            |line: &str| line.split(' ').map(str::parse::<u64>).collect::<std::result::Result<Vec<_>, _>>();
        let ([rest, peak], [most]) = (&of(&first)?[..], &of(&again)?[..]) else {
            return Err("too little".into());
        };
        println!("| {name} | {rest} | {peak} | {most} | {:.2} |", float(*most) / float(*rest));
    }
    fs::remove_dir_all(&folder)?;
    println!();
    Ok(())
}

/// Which keeper this process is, and of how many objects, if it is one.
///
/// # Errors
/// If that is not said.
pub fn asked() -> Result<Option<(usize, usize)>> {
    let mut args = env::args().skip(1);
    if args.next().as_deref() != Some("keep") {
        return Ok(None);
    }
    let mut number =
        || Ok::<usize, Box<dyn std::error::Error + Send + Sync>>(args.next().ok_or("which?")?.parse()?);
    Ok(Some((number()?, number()?)))
}

/// Says what it takes to keep them, in KiB more than before, follows what happens, and says what it has taken when it is asked.
///
/// # Errors
/// If that cannot be known, nothing comes any more, or they are not all kept at the end.
pub async fn keep(
    before: u64,
    objects: usize,
    mut changes: impl Stream<Item = ()> + Unpin,
    kept: impl Fn() -> usize,
) -> Result<()> {
    let each = |kib: u64| kib.saturating_sub(before) * 1024 / objects as u64;
    let (rest, peak) = resident_of("self").zip(peak_of("self")).ok_or("unknown")?;
    println!("{} {}", each(rest), each(peak));
    // The peak from here on.
    fs::write("/proc/self/clear_refs", "5")?;
    let mut asked = tokio::io::BufReader::new(tokio::io::stdin()).lines();
    loop {
        tokio::select! {
            change = changes.next() => change.ok_or("the end")?,
            line = asked.next_line() => {
                line?;
                if kept() != objects {
                    return Err(format!("{} of {objects}", kept()).into());
                }
                println!("{}", each(peak_of("self").ok_or("unknown")?));
                return Ok(());
            }
        }
    }
}
