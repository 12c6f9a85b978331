//! `resido up` as a process.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    time::Duration,
};

use super::resido;

/// A running product; killed when dropped.
pub(crate) struct Up {
    child: Child,
    /// What it printed when it was ready.
    pub(crate) ready: String,
}

impl Up {
    /// Starts it on free ports and waits until it is ready.
    pub(crate) fn start(data: &Path, arguments: &[&str]) -> Self {
        let child = resido(&[
            "up",
            "--listen",
            "127.0.0.1:0",
            "--admin-listen",
            "127.0.0.1:0",
        ])
        .args(arguments)
        .arg("--data-dir")
        .arg(data)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
        let mut up = Self {
            child,
            ready: String::new(),
        };
        let stdout = BufReader::new(up.child.stdout.take().unwrap());
        let (lines, heard) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if lines.send(line).is_err() {
                    return;
                }
            }
        });
        let first = heard.recv_timeout(Duration::from_secs(90));
        assert_eq!(first.as_deref(), Ok("resido is ready"));
        while let Ok(line) = heard.recv_timeout(Duration::from_millis(300)) {
            up.ready.push_str(&line);
            up.ready.push('\n');
        }
        up
    }

    /// Asks it to end, and waits.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
        self.child.wait().unwrap()
    }

    /// Ends it as a crash would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // Fails where it has ended, as it should have.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
