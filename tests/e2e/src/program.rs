//! The product as programs of their own.

use std::{
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};

use crate::{scratch, wait};

/// A running program; killed when dropped.
#[derive(Debug)]
pub struct Program {
    child: Child,
    log: std::path::PathBuf,
}

impl Program {
    /// Starts a program in a folder, with these variables and no others.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(
        program: &str,
        folder: &Path,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Result<Self> {
        let log = scratch::folder("log")?.join("output");
        let output = std::fs::File::create(&log)?;
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder).env_clear();
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin");
        command.envs(variables.iter().copied());
        command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        let child = command.spawn().with_context(|| program.to_owned())?;
        Ok(Self { child, log })
    }

    /// Returns what it has printed so far.
    #[must_use]
    pub fn output(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Asks it to end, and waits until it does.
    ///
    /// # Errors
    /// If it takes more than half a minute.
    pub async fn terminate(&mut self) -> Result<ExitStatus> {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status()?;
        self.ended().await
    }

    /// Kills it.
    ///
    /// # Errors
    /// If it cannot be waited for.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Waits until it ends.
    ///
    /// # Errors
    /// If it takes more than half a minute.
    pub async fn ended(&mut self) -> Result<ExitStatus> {
        let mut status = None;
        let ended = wait::until(Duration::from_secs(30), || {
            status = self.child.try_wait().ok().flatten();
            std::future::ready(status.is_some())
        });
        if ended.await
            && let Some(status) = status
        {
            return Ok(status);
        }
        bail!("it does not end:\n{}", self.output())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if self.child.try_wait().ok().flatten().is_none() {
            let _killed = self.kill().is_ok();
        }
    }
}
