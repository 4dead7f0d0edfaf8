//! What a process writes, collected.

use bytes::Bytes;
use futures::{FutureExt as _, future::try_join3};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};

use super::{
    child::{Child, ChildStdin},
    error::{Cause, Error, Stream},
    status::ExitStatus,
};

/// What a process wrote, and how it ended.
///
/// ```
/// fn text(output: &kube_ext::exec::Output) -> std::borrow::Cow<'_, str> {
///     String::from_utf8_lossy(&output.stdout)
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Output {
    /// The exit status.
    pub status: ExitStatus,
    /// All that it wrote to stdout; with a terminal, all that it wrote.
    pub stdout: Vec<u8>,
    /// All that it wrote to stderr.
    pub stderr: Vec<u8>,
}

/// Gives a process its input and collects what it writes, until it ends.
pub(super) async fn of(mut child: Child, input: Option<Bytes>, limit: usize) -> Result<Output, Error> {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let collected = try_join3(
        feed(child.stdin.take(), input).map(Ok),
        collect(child.stdout.take(), Stream::Stdout, limit, &mut stdout),
        collect(child.stderr.take(), Stream::Stderr, limit, &mut stderr),
    )
    .await;
    let status = match collected {
        Ok(_) => match (child.wait().await, child.session.cut_by()) {
            (Ok(_), Some(error)) => Err(error),
            (status, _) => status,
        },
        Err(cause) => Err(child.error(cause)),
    };
    match status {
        Ok(status) => Ok(Output { status, stdout, stderr }),
        Err(error) => Err(error.with_output(stdout, stderr)),
    }
}

/// Writes all input and ends it. A process that does not want it all is not to blame.
pub(super) async fn feed(stdin: Option<ChildStdin>, input: Option<Bytes>) {
    if let (Some(mut stdin), Some(input)) = (stdin, input)
        && stdin.write_all(&input).await.is_ok()
    {
        let _ = stdin.shutdown().await;
    }
}

/// Reads to the end. How it ended is for the exit status to tell.
async fn collect(
    output: Option<impl AsyncRead + Unpin>,
    stream: Stream,
    limit: usize,
    bytes: &mut Vec<u8>,
) -> Result<(), Cause> {
    let Some(output) = output else { return Ok(()) };
    let one_more = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let _ = output.take(one_more).read_to_end(bytes).await;
    if bytes.len() > limit {
        bytes.truncate(limit);
        return Err(Cause::TooMuchOutput { stream, limit });
    }
    Ok(())
}
