//! `resido up` from its start to its end, however that comes.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    time::{Duration, Instant},
};

use tokio_postgres::NoTls;

use crate::product::{Up, folder, resido, text};

#[tokio::test]
async fn a_second_start_keeps_all_data() {
    let dir = folder();
    let data = dir.path().join("data");

    let mut up = Up::start(&data, &[]);
    assert!(
        up.ready.contains("gateway   http://127.0.0.1:"),
        "{}",
        up.ready
    );
    let operator = fs::read_to_string(data.join("operator.json")).unwrap();
    assert!(operator.contains("operator@resido.local"));
    for file in [
        "operator.json",
        "token-key.pem",
        "context-key.pem",
        "control.password",
    ] {
        let mode = fs::metadata(data.join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let url = || {
        let output = resido(&["db", "url", "--data-dir"])
            .arg(&data)
            .output()
            .unwrap();
        (text(&output.stdout).trim().to_owned(), text(&output.stderr))
    };
    let (running, note) = url();
    assert_eq!(note, "");
    let (client, connection) = tokio_postgres::connect(&running, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
        .execute("create table kept (word text)", &[])
        .await
        .unwrap();
    client
        .execute("insert into kept values ('yes')", &[])
        .await
        .unwrap();
    let status = resido(&["migrate", "status", "--data-dir"])
        .arg(&data)
        .output()
        .unwrap();
    assert!(
        text(&status.stdout).contains("everything is current"),
        "{status:?}"
    );
    assert!(up.terminate().success());
    assert!(
        tokio_postgres::connect(&running, NoTls).await.is_err(),
        "the database stops too"
    );

    let (stopped, note) = url();
    assert_eq!(stopped, running);
    assert!(note.contains("stopped"), "{note}");
    let started = Instant::now();
    let mut up = Up::start(&data, &[]);
    assert!(started.elapsed() < Duration::from_secs(15));
    let (client, connection) = tokio_postgres::connect(&running, NoTls).await.unwrap();
    tokio::spawn(connection);
    let row = client
        .query_one("select word from kept", &[])
        .await
        .unwrap();
    assert_eq!(row.get::<_, String>(0), "yes");
    assert_eq!(
        fs::read_to_string(data.join("operator.json")).unwrap(),
        operator
    );
    assert!(up.terminate().success());
}

#[tokio::test]
async fn a_killed_process_leaves_nothing_running_and_loses_nothing() {
    let dir = folder();
    let data = dir.path().join("data");
    let mut up = Up::start(&data, &[]);
    let output = resido(&["db", "url", "--data-dir"])
        .arg(&data)
        .output()
        .unwrap();
    let url = text(&output.stdout).trim().to_owned();
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
        .execute("create table kept as select 1 as one", &[])
        .await
        .unwrap();
    up.kill();
    let started = Instant::now();
    while tokio_postgres::connect(&url, NoTls).await.is_ok() {
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "the database outlives its owner"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut up = Up::start(&data, &[]);
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    assert_eq!(
        client
            .query_one("select one from kept", &[])
            .await
            .unwrap()
            .get::<_, i32>(0),
        1
    );
    assert!(up.terminate().success());
}

#[test]
fn a_taken_port_is_told_before_a_database_is_made() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let dir = folder();
    let output = resido(&["up", "--listen", &address, "--data-dir"])
        .arg(dir.path().join("data"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains(&address), "{output:?}");
    assert!(!dir.path().join("data").exists());
}

#[test]
fn a_data_directory_is_used_once_at_a_time() {
    let dir = folder();
    let data = dir.path().join("data");
    let none = resido(&["db", "url", "--data-dir"])
        .arg(&data)
        .output()
        .unwrap();
    assert_eq!(none.status.code(), Some(1), "there is no database yet");
    let mut up = Up::start(&data, &[]);
    let second = resido(&[
        "up",
        "--listen",
        "127.0.0.1:0",
        "--admin-listen",
        "127.0.0.1:0",
        "--data-dir",
    ])
    .arg(&data)
    .output()
    .unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(
        text(&second.stderr).contains("is in use by process"),
        "{}",
        text(&second.stderr)
    );
    assert!(up.terminate().success());
}
