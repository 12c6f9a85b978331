//! The server's process, and the one that stops it if we are killed.

use std::{
    process::{Command, ExitStatus},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    process::{Child, ChildStderr},
    time::{sleep, timeout},
};

use super::admin;

/// Time until the server must answer; recovery after a crash may take a while.
const START_LIMIT: Duration = Duration::from_secs(120);
/// Time of an orderly stop, then of a hasty one.
const STOP_LIMIT: Duration = Duration::from_secs(30);
/// Time that a dropped server may take to end.
const DROP_LIMIT: Duration = Duration::from_secs(5);

/// A server process; it does not outlive this value.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    watchdog: Option<Child>,
}

impl Process {
    /// Starts the server and whatever `watchdog` makes of its process id.
    /// Returns what it says on standard error, too.
    pub(super) fn spawn(
        command: Command,
        watchdog: impl FnOnce(u32) -> Command,
    ) -> Result<(Self, ChildStderr)> {
        let child = tokio::process::Command::from(command).spawn();
        let mut process = Self {
            child: child.context("cannot run postgres")?,
            watchdog: None,
        };
        let pid = process.child.id().context("the database ended at once")?;
        let said = process
            .child
            .stderr
            .take()
            .context("the database has no log")?;
        let watchdog = tokio::process::Command::from(watchdog(pid)).spawn();
        process.watchdog = Some(watchdog.context("cannot run /bin/sh")?);
        Ok((process, said))
    }

    /// Waits until the server answers at its administrator's URL; false if it
    /// ended instead.
    pub(super) async fn answers(&mut self, url: &str) -> Result<bool> {
        let started = Instant::now();
        loop {
            if self.child.try_wait()?.is_some() {
                return Ok(false);
            }
            match admin::connect(url).await {
                Ok(_) => return Ok(true),
                Err(error) if started.elapsed() > START_LIMIT => {
                    return Err(error.context("PostgreSQL does not answer"));
                }
                Err(_) => sleep(Duration::from_millis(20)).await,
            }
        }
    }

    pub(super) async fn exited(&mut self) -> Result<ExitStatus> {
        Ok(self.child.wait().await?)
    }

    /// Stops the server in order, or in haste if that takes too long.
    pub(super) async fn stop(mut self) -> Result<()> {
        for kind in [Signal::INT, Signal::QUIT] {
            self.signal(kind);
            if let Ok(status) = timeout(STOP_LIMIT, self.child.wait()).await {
                status?;
                return Ok(());
            }
        }
        self.child.kill().await?;
        bail!("the database did not stop and was killed")
    }

    /// Does nothing to a server that has ended.
    fn signal(&self, kind: Signal) {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok());
        if let Some(pid) = id.and_then(Pid::from_raw) {
            // It may be gone this very moment, which is what was asked for.
            kill_process(pid, kind).ok();
        }
    }
}

impl Drop for Process {
    /// Waits for no transaction and no checkpoint; the next start recovers.
    fn drop(&mut self) {
        self.signal(Signal::QUIT);
        let started = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if started.elapsed() > DROP_LIMIT {
                tracing::warn!("a database server could not be stopped");
                return;
            }
            std::thread::park_timeout(Duration::from_millis(5));
        }
        // Only now: until here the server could have been left behind.
        if let Some(watchdog) = &mut self.watchdog {
            watchdog.start_kill().ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).stderr(Stdio::piped());
        command
    }

    #[tokio::test]
    async fn a_dropped_server_is_gone() {
        let (process, _) = Process::spawn(shell("exec sleep 600"), |_| shell("read x")).unwrap();
        let pid = Pid::from_raw(i32::try_from(process.child.id().unwrap()).unwrap()).unwrap();
        drop(process);
        assert!(rustix::process::test_kill_process(pid).is_err());
    }

    #[tokio::test]
    async fn a_server_that_ends_does_not_answer() {
        let (mut process, _) = Process::spawn(shell("exit 3"), |_| shell("read x")).unwrap();
        assert!(
            !process
                .answers("postgresql://u:p@127.0.0.1:1/d")
                .await
                .unwrap()
        );
        assert_eq!(process.exited().await.unwrap().code(), Some(3));
    }
}
