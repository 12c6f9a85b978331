//! The embedded server: starts, keeps its data, and does not outlive us.
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use resido::postgres::{Options, Server, find};
use tokio_postgres::NoTls;

use crate::product::folder;

fn fast(folder: &Path) -> Options {
    Options {
        durable: false,
        ..Options::new(folder)
    }
}

async fn query(url: &str, sql: &str) -> String {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn data_and_address_survive_a_restart_and_a_kill() {
    let folder = folder();
    let server = Server::start(fast(folder.path())).await.unwrap();
    let url = server.admin_url("demo");
    server.ensure_database("demo").await.unwrap();
    server.ensure_database("demo").await.unwrap();
    query(&url, "select 'kept' as word").await;
    let refused = Server::start(fast(folder.path()))
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains("in use by process"), "{refused}");
    server.stop().await.unwrap();

    let started = Instant::now();
    let server = Server::start(fast(folder.path())).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(10));
    assert_eq!(server.admin_url("demo"), url, "the port is kept");
    assert_eq!(query(&url, "select current_database()::text").await, "demo");
    assert_eq!(
        query(&url, "select current_setting('listen_addresses')").await,
        "127.0.0.1"
    );
    drop(server);
    assert!(
        tokio_postgres::connect(&url, NoTls).await.is_err(),
        "a dropped server is gone"
    );

    let server = Server::start(Options::new(folder.path())).await.unwrap();
    assert_eq!(query(&url, "select current_setting('fsync')").await, "on");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn the_password_is_needed_and_private() {
    let folder = folder();
    let server = Server::start(fast(folder.path())).await.unwrap();
    let url = server.url("postgres", "wrong", "postgres");
    assert!(tokio_postgres::connect(&url, NoTls).await.is_err());
    for file in ["postgres.password", "postgres.log"] {
        let mode = fs::metadata(folder.path().join(file))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "{file}");
    }
    server.stop().await.unwrap();
}

#[tokio::test]
async fn the_log_holds_nothing_that_tenants_store() {
    let folder = folder();
    let server = Server::start(fast(folder.path())).await.unwrap();
    let url = server.admin_url("postgres");
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    let table = "create table kept (word text primary key)";
    client.execute(table, &[]).await.unwrap();
    for word in ["'hunter2'", "$1"] {
        let insert = format!("insert into kept values ({word})");
        for _ in 0..2 {
            if word == "$1" {
                client.execute(&insert, &[&"hunter2"]).await.ok();
            } else {
                client.execute(&insert, &[]).await.ok();
            }
        }
    }
    server.stop().await.unwrap();
    let log = fs::read_to_string(folder.path().join("postgres.log")).unwrap();
    assert!(log.contains("duplicate key value"), "{log}");
    assert!(!log.contains("hunter2"), "{log}");
    assert!(!log.contains("insert into"), "{log}");
}

#[tokio::test]
async fn a_server_that_was_left_running_is_stopped_by_the_next_start() {
    let folder = folder();
    let server = Server::start(fast(folder.path())).await.unwrap();
    let url = server.admin_url("postgres");
    server.stop().await.unwrap();
    // As if its owner and the watchdog had been killed.
    let data = folder.path().join("postgres/data");
    let bin = find(None, &resido::Progress::default()).await.unwrap();
    let mut left = Command::new("setpriv");
    if rustix_is_root() {
        left.args(["--reuid=postgres", "--clear-groups", "--"]);
    } else {
        left = Command::new("env");
    }
    let mut left = left
        .arg(bin.join("postgres"))
        .arg("-D")
        .arg(&data)
        .args(["-p", url.rsplit([':', '/']).nth(1).unwrap()])
        .args([
            "-c",
            "unix_socket_directories=",
            "-c",
            "listen_addresses=127.0.0.1",
        ])
        .current_dir("/")
        .spawn()
        .unwrap();
    while tokio_postgres::connect(&url, NoTls).await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let server = Server::start(fast(folder.path())).await.unwrap();
    assert!(left.wait().unwrap().success(), "it was stopped in order");
    server.stop().await.unwrap();
}

fn rustix_is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0)
}
