//! How a process ends: in order at a first signal or when a part fails, at once
//! at a second signal.

use std::{io, time::Duration};

use anyhow::{Context as _, Result, anyhow, bail};
use tokio::{
    signal::unix::{SignalKind, signal},
    task::{JoinError, JoinSet},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::terminal;

/// Time that parts may take to end; the limits of their own are shorter.
const END_LIMIT: Duration = Duration::from_secs(30);
/// Exit code of a process that was told to end twice.
///
/// *Source*: what a shell says of a process that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// Parts of a process, as tasks.
pub(crate) type Tasks = JoinSet<Result<()>>;

/// Hears Ctrl-C and SIGTERM, which no longer end the process by themselves. The
/// first cancels what is returned. The second ends the process: what it started
/// notices by itself that it is gone.
pub(crate) fn on_signal() -> io::Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let end = CancellationToken::new();
    let first = end.clone();
    tokio::spawn(async move {
        for round in 0..2 {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if round == 0 {
                first.cancel();
            }
        }
        terminal::note("stopped without waiting");
        at_once();
    });
    Ok(end)
}

#[expect(clippy::exit, reason = "somebody insists, whatever hangs")]
fn at_once() {
    std::process::exit(INTERRUPTED);
}

/// Waits until the end comes or a part ends, which none should before; then ends
/// them all, and waits for that. The first failure counts.
pub(crate) async fn together(mut parts: Tasks, end: CancellationToken) -> Result<()> {
    let first = tokio::select! {
        () = end.cancelled() => Ok(()),
        Some(ended) = parts.join_next() => match flat(ended) {
            Ok(()) if !end.is_cancelled() => Err(anyhow!("a part ended by itself")),
            ended => ended,
        },
    };
    end.cancel();
    let rest = all_ended(&mut parts).await;
    first.and(rest)
}

/// Waits until all parts have ended, but not for ever; the first failure counts.
pub(crate) async fn all_ended(parts: &mut Tasks) -> Result<()> {
    let mut result = Ok(());
    let all = async {
        while let Some(ended) = parts.join_next().await {
            result = std::mem::replace(&mut result, Ok(())).and_then(|()| flat(ended));
        }
    };
    if timeout(END_LIMIT, all).await.is_err() {
        parts.shutdown().await;
        result?;
        bail!("not every part ended in time");
    }
    result
}

/// Takes a part's own failure out of how its task ended.
pub(crate) fn flat(ended: Result<Result<()>, JoinError>) -> Result<()> {
    ended.context("a part broke off")?
}

#[cfg(test)]
mod tests {
    use std::future;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_part_that_fails_ends_the_others_and_is_named() {
        let (mut parts, end) = (Tasks::new(), CancellationToken::new());
        let cancelled = end.clone().cancelled_owned();
        parts.spawn(async {
            cancelled.await;
            Ok(())
        });
        parts.spawn(async { Err(anyhow!("the port is gone")) });
        let error = together(parts, end.clone()).await.unwrap_err();
        assert_eq!(error.to_string(), "the port is gone");
        assert!(end.is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_told_although_another_part_hangs() {
        let (mut parts, end) = (Tasks::new(), CancellationToken::new());
        parts.spawn(future::pending());
        parts.spawn(async { Err(anyhow!("the port is gone")) });
        let error = together(parts, end).await.unwrap_err();
        assert_eq!(error.to_string(), "the port is gone");
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_that_does_not_end_is_not_waited_for_for_ever() {
        let (mut parts, end) = (Tasks::new(), CancellationToken::new());
        parts.spawn(future::pending());
        end.cancel();
        let error = together(parts, end).await.unwrap_err();
        assert!(error.to_string().contains("in time"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_that_ends_by_itself_is_a_failure() {
        let (mut parts, end) = (Tasks::new(), CancellationToken::new());
        parts.spawn(async { Ok(()) });
        assert!(together(parts, end).await.is_err());
        let (mut parts, end) = (Tasks::new(), CancellationToken::new());
        let cancelled = end.clone().cancelled_owned();
        parts.spawn(async {
            cancelled.await;
            Ok(())
        });
        end.cancel();
        together(parts, end).await.unwrap();
    }
}
