//! The server's log: what it writes to standard error, in a file that is bounded.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use tokio::{io::AsyncReadExt as _, process::ChildStderr, task::JoinHandle};

/// Bytes of a log file, at most; one older file is kept beside it.
const MAX_BYTES: u64 = 10 * 1024 * 1024;
/// Bytes of the end that an error shows, at most.
const TAIL_BYTES: u64 = 2000;

/// A log file that starts anew when it is full.
struct Log {
    path: PathBuf,
    file: File,
    bytes: u64,
    max_bytes: u64,
}

impl Log {
    fn open(path: &Path, max_bytes: u64) -> io::Result<Self> {
        let file = append(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self {
            path: path.to_owned(),
            file,
            bytes,
            max_bytes,
        })
    }

    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        let added = u64::try_from(text.len()).unwrap_or(u64::MAX);
        if self.bytes > 0 && self.bytes.saturating_add(added) > self.max_bytes {
            fs::rename(&self.path, self.path.with_extension("log.1"))?;
            self.file = append(&self.path)?;
            self.bytes = 0;
        }
        self.bytes += added;
        self.file.write_all(text)
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
}

/// Copies what the server says into the log until it says no more.
pub(super) fn keep(path: &Path, said: ChildStderr) -> io::Result<JoinHandle<()>> {
    keep_within(path, said, MAX_BYTES)
}

fn keep_within(path: &Path, mut said: ChildStderr, max_bytes: u64) -> io::Result<JoinHandle<()>> {
    let mut log = Log::open(path, max_bytes)?;
    Ok(tokio::spawn(async move {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(read @ 1..) = said.read(&mut buffer).await {
            // The pipe must be read on even when the disk is full: a server that
            // cannot write its log waits.
            if let Err(error) = log.write(&buffer[..read]) {
                tracing::warn!(%error, "the database's log cannot be written");
            }
        }
    }))
}

/// Returns the end of the log, from byte `start` on.
pub(super) fn tail(path: &Path, start: u64) -> String {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        let start = if length < start { 0 } else { start };
        file.seek(SeekFrom::Start(
            start.max(length.saturating_sub(TAIL_BYTES)),
        ))?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        Ok(text)
    };
    String::from_utf8_lossy(&read().unwrap_or_default())
        .trim()
        .to_owned()
}

/// Returns how long the log is.
pub(super) fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_log_starts_anew_and_keeps_one_older() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("postgres.log");
        let mut log = Log::open(&path, 10).unwrap();
        for line in ["12345", "67890", "abcde"] {
            log.write(line.as_bytes()).unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "abcde");
        assert_eq!(
            fs::read_to_string(dir.path().join("postgres.log.1")).unwrap(),
            "1234567890"
        );
        drop(log);
        Log::open(&path, 10).unwrap().write(b"fghij").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "abcdefghij");
    }

    #[tokio::test]
    async fn what_a_running_server_says_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("postgres.log");
        // More than a pipe holds, so that it is read while it is written.
        let script = "i=0; while [ $i -lt 3000 ]; do printf '%0100d\\n' $i >&2; i=$((i+1)); done";
        let mut server = tokio::process::Command::new("/bin/sh")
            .args(["-c", script])
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let log = keep_within(&path, server.stderr.take().unwrap(), 50_000).unwrap();
        log.await.unwrap();
        assert!(server.wait().await.unwrap().success());
        assert!(length(&path) <= 50_000);
        assert!(length(&dir.path().join("postgres.log.1")) <= 50_000);
        assert!(tail(&path, 0).ends_with("02999"));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn the_tail_is_what_was_said_since() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        assert_eq!(tail(&path, 0), "");
        fs::write(&path, "old\nnew\n").unwrap();
        assert_eq!(tail(&path, 4), "new");
        assert_eq!(tail(&path, 4000), "old\nnew", "the log was started anew");
        fs::write(&path, "x".repeat(5000)).unwrap();
        assert_eq!(tail(&path, 0).len(), 2000);
        assert_eq!(length(&path), 5000);
    }
}
