//! The command, without what this process's environment would say to it.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

/// A folder that the account that runs the database can reach.
pub(crate) fn folder() -> tempfile::TempDir {
    let open = fs::Permissions::from_mode(0o711);
    tempfile::Builder::new()
        .permissions(open)
        .tempdir()
        .unwrap()
}

pub(crate) fn resido(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_resido"));
    command
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("RESIDO_LOG", "warn")
        .args(arguments);
    command
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
