//! As root and as an ordinary user, wherever the data directory is.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown},
    path::Path,
    process::Command,
};

use resido::postgres::{Options, Server};

use crate::product::{folder, text};

/// Number of the account `nobody` everywhere.
const NOBODY: u32 = 65_534;

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}

/// Copies the command to where everybody can run it, and runs it as `nobody`.
fn as_nobody(dir: &Path, arguments: &[&str]) -> std::process::Output {
    let program = dir.join("resido");
    if !program.exists() {
        fs::copy(env!("CARGO_BIN_EXE_resido"), &program).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]);
    command
        .arg(program)
        .args(arguments)
        .current_dir("/")
        .output()
        .unwrap()
}

#[tokio::test]
async fn files_of_an_ordinary_user_stay_that_users_under_root() {
    if !is_root() {
        return;
    }
    let dir = folder();
    let data = dir.path().join("data");
    fs::create_dir(&data).unwrap();
    chown(&data, Some(NOBODY), Some(NOBODY)).unwrap();
    let output = as_nobody(
        dir.path(),
        &["migrate", "up", "--data-dir", data.to_str().unwrap()],
    );
    assert!(output.status.success(), "{}", text(&output.stderr));
    let owner = || {
        fs::metadata(data.join("postgres/data/PG_VERSION"))
            .unwrap()
            .uid()
    };
    assert_eq!(owner(), NOBODY);
    let server = Server::start(Options::new(&data)).await.unwrap();
    assert_eq!(owner(), NOBODY);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_data_directory_below_a_closed_folder_works_as_root() {
    if !is_root() {
        return;
    }
    let closed = folder();
    fs::set_permissions(closed.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let options = || Options {
        durable: false,
        ..Options::new(closed.path().join("data"))
    };
    Server::start(options())
        .await
        .unwrap()
        .stop()
        .await
        .unwrap();
    let link = closed.path().join("data/postgres");
    let home = fs::read_link(&link).unwrap();
    assert_ne!(fs::metadata(&home).unwrap().uid(), 0);
    Server::start(options())
        .await
        .unwrap()
        .stop()
        .await
        .unwrap();
    assert_eq!(
        fs::read_link(&link).unwrap(),
        home,
        "the second start finds the first's files"
    );
    fs::remove_dir_all(&home).unwrap();
    let error = Server::start(options()).await.unwrap_err().to_string();
    assert!(error.contains("leads nowhere"), "{error}");
}
