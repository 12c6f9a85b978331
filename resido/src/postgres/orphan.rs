//! A server that a killed process of ours left behind.
//!
//! Only called while the data directory is locked, so no living process of ours
//! owns the server.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// How long a left server may take to stop, by each of the two ways.
const PATIENCE: Duration = Duration::from_secs(20);

/// Stops a server that still runs on `data`, and clears away the file of one
/// that does not. Returns whether one was stopped.
pub(super) async fn stop(data: &Path) -> Result<bool> {
    let file = data.join("postmaster.pid");
    let Some(pid) = fs::read_to_string(&file)
        .ok()
        .and_then(|text| first_line_pid(&text))
    else {
        return Ok(false);
    };
    if !serves(pid, data) {
        // Another process may have the number by now, which the server would
        // take for another server. It notices by its shared memory if not.
        fs::remove_file(&file)?;
        return Ok(false);
    }
    for signal in [Signal::INT, Signal::QUIT] {
        tracing::warn!(
            pid = pid.as_raw_nonzero().get(),
            "a database server was left running"
        );
        // An error means that it is gone already, which is looked at below.
        kill_process(pid, signal).ok();
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if !serves(pid, data) {
                return Ok(true);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    bail!(
        "process {} still serves {} and does not stop",
        pid.as_raw_nonzero(),
        data.display()
    )
}

/// Whether a process is a server on `data`: it stands in that folder.
pub(super) fn serves(pid: Pid, data: &Path) -> bool {
    let pid = pid.as_raw_nonzero();
    if Path::new("/proc/self/cwd").exists() {
        return fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|folder| folder == data);
    }
    let listed = Command::new("ps")
        .args(["-o", "args=", "-p", &pid.to_string()])
        .output();
    listed.is_ok_and(|output| {
        String::from_utf8_lossy(&output.stdout).contains(&*data.to_string_lossy())
    })
}

fn first_line_pid(text: &str) -> Option<Pid> {
    let number: i32 = text.lines().next()?.trim().parse().ok()?;
    // Negative in a server that runs without a postmaster.
    Pid::from_raw(number.checked_abs()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_that_names_a_stranger_is_cleared_away() {
        let data = tempfile::tempdir().unwrap();
        let file = data.path().join("postmaster.pid");
        // This process lives and is no server.
        fs::write(
            &file,
            format!("{}\n{}\n", std::process::id(), data.path().display()),
        )
        .unwrap();
        assert!(!stop(data.path()).await.unwrap());
        assert!(!file.exists());
        assert!(!stop(data.path()).await.unwrap(), "nothing is left to do");
    }

    #[test]
    fn the_process_is_in_the_first_line() {
        assert_eq!(
            first_line_pid("42\n/data\n")
                .unwrap()
                .as_raw_nonzero()
                .get(),
            42
        );
        for text in ["", "x", "0\n", "-2147483648"] {
            assert!(first_line_pid(text).is_none(), "{text}");
        }
    }
}
