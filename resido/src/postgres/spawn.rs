//! Starts the server's programs: as whom, where, and with which environment.

use std::{
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, Stdio},
};

use super::account::Account;
use crate::environment;

/// Variables that the programs keep; `PG…` ones would change what they do.
const KEPT: [&str; 5] = [
    "PATH",
    "HOME",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
];
/// Asks the server to stop when this process is gone: standard input ends then.
const WATCHDOG: &str = "read -r never; kill -INT \"$0\"";

/// Prepares a program that runs in `folder`, in a process group of its own so
/// that a Ctrl-C meant for us does not reach it.
pub(super) fn command(program: &Path, folder: &Path, account: Option<&Account>) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(folder)
        .env_clear()
        .env("LC_ALL", "C")
        .process_group(0);
    for name in KEPT {
        if let Some(value) = environment::variable(name) {
            command.env(name, value);
        }
    }
    if let Some(account) = account {
        command.uid(account.uid).gid(account.gid);
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// Prepares the process that stops the server if we are killed.
pub(super) fn watchdog(pid: u32, folder: &Path, account: Option<&Account>) -> Command {
    let mut command = command(Path::new("/bin/sh"), folder, account);
    command.args(["-c", WATCHDOG, &pid.to_string()]);
    command.stdin(Stdio::piped()).stderr(Stdio::null());
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_do_not_inherit_settings() {
        let mut command = command(Path::new("/usr/bin/env"), Path::new("/"), None);
        let output = command.stdout(Stdio::piped()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("LC_ALL=C"), "{text}");
        assert!(!text.contains("CARGO"), "{text}");
    }

    #[test]
    fn the_watchdog_stops_what_it_watches_when_its_input_ends() {
        let mut watched = Command::new("sleep").arg("600").spawn().unwrap();
        let mut watchdog = watchdog(watched.id(), Path::new("/"), None)
            .spawn()
            .unwrap();
        assert!(watched.try_wait().unwrap().is_none());
        drop(watchdog.stdin.take());
        assert!(!watched.wait().unwrap().success());
        watchdog.wait().unwrap();
    }
}
