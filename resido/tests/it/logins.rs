//! Whose passwords a command may set: those of logins that it makes, and of any
//! where a person asks for it.

use std::{fs, net::SocketAddr, path::Path, process::Output};

use resido::{
    Operator, UpOptions,
    postgres::{Options, Server},
};
use tokio_postgres::NoTls;

use crate::product::{folder, resido, text};

async fn server(dir: &Path) -> Server {
    let server = Server::start(Options {
        durable: false,
        ..Options::new(dir)
    })
    .await
    .unwrap();
    server.ensure_database("given").await.unwrap();
    server
}

fn run(arguments: &[&str], url: &str, data: &Path) -> Output {
    resido(arguments)
        .args(["--database-url", url, "--data-dir"])
        .arg(data)
        .output()
        .unwrap()
}

fn options(url: &str, data: &Path) -> UpOptions {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    UpOptions {
        listen: any,
        admin_listen: any,
        data_dir: data.to_owned(),
        database_url: Some(url.to_owned()),
        ..UpOptions::default()
    }
}

async fn works(url: &str) -> bool {
    tokio_postgres::connect(url, NoTls).await.is_ok()
}

#[tokio::test]
async fn who_looks_from_another_machine_changes_no_password() {
    let dir = folder();
    let server = server(&dir.path().join("pg")).await;
    let admin = server.admin_url("given");
    let (home, away) = (dir.path().join("home"), dir.path().join("away"));

    for what in [&["db", "url"][..], &["migrate", "status"]] {
        let early = run(what, &admin, &away);
        assert_eq!(early.status.code(), Some(1), "{early:?}");
        assert!(text(&early.stderr).contains("no logins yet"), "{early:?}");
    }
    assert!(run(&["db", "init"], &admin, &home).status.success());
    let url = run(&["db", "url"], &admin, &home);
    let url = text(&url.stdout).trim().to_owned();
    assert!(works(&url).await);

    for what in [
        &["db", "url"][..],
        &["migrate", "status"],
        &["migrate", "up"],
    ] {
        let refused = run(what, &admin, &away);
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        let why = text(&refused.stderr);
        assert!(why.contains("the logins exist already"), "{why}");
        assert!(why.contains("resido db init"), "{why}");
        assert!(works(&url).await, "{what:?} changed the password");
    }
    assert!(!away.join("control.password").exists());
    assert!(run(&["migrate", "up"], &admin, &home).status.success());
    let status = run(&["migrate", "status"], &admin, &home);
    assert!(text(&status.stdout).contains("is current"), "{status:?}");
    assert!(works(&url).await);

    // Passwords of another database are not those of the logins here.
    assert!(run(&["db", "init"], &admin, &away).status.success());
    assert!(!works(&url).await, "asked for, they are set");
    let stale = run(&["migrate", "up"], &admin, &home);
    let why = text(&stale.stderr);
    assert!(why.contains("keeps other passwords"), "{why}");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_fresh_data_directory_locks_no_operator_out() {
    let dir = folder();
    let server = server(&dir.path().join("pg")).await;
    let admin = server.admin_url("given");
    let (first, second) = (dir.path().join("first"), dir.path().join("second"));
    let running = resido::start(options(&admin, &first)).await.unwrap();
    let (operator, logins) = (running.operator.clone(), running.urls.clone());
    running.stop().await.unwrap();

    let refused = resido::start(options(&admin, &second)).await.unwrap_err();
    let why = format!("{refused:#}");
    assert!(why.contains("the logins exist already"), "{why}");
    let given = || UpOptions {
        logins: Some(logins.clone()),
        ..options(&admin, &second)
    };
    let refused = resido::start(given()).await.unwrap_err();
    let why = format!("{refused:#}");
    assert!(
        why.contains("operator@resido.local exists already"),
        "{why}"
    );
    let file = second.join("operator.json");
    assert!(!file.exists());

    // What the message says to do works.
    let own = Operator {
        email: operator.email.clone(),
        password: "chosen by a person".to_owned(),
    };
    fs::write(&file, serde_json::to_string(&own).unwrap()).unwrap();
    let running = resido::start(given()).await.unwrap();
    assert_eq!(running.operator.password, own.password);
    running.stop().await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn one_tenant_alone_is_found_or_the_start_fails() {
    let dir = folder();
    let server = server(&dir.path().join("pg")).await;
    let admin = server.admin_url("given");
    let data = dir.path().join("data");
    assert!(run(&["migrate", "up"], &admin, &data).status.success());
    let id = "01900000-0000-7000-8000-000000000001";
    for unknown in ["acme", id] {
        let missing = run(&["migrate", "up", "--tenant", unknown], &admin, &data);
        assert_eq!(missing.status.code(), Some(2), "{missing:?}");
        assert!(text(&missing.stderr).contains(unknown), "{missing:?}");
        let mut alone = options(&admin, &data);
        alone.settings.migrations.tenants = vec![unknown.parse().unwrap()];
        let refused = resido::start(alone).await.unwrap_err().to_string();
        assert!(refused.contains(unknown), "{refused}");
    }

    // Dead tenants keep their slugs, which a living one may have again.
    let (client, connection) = tokio_postgres::connect(&admin, NoTls).await.unwrap();
    tokio::spawn(connection);
    let insert = "
        insert into tenants (id, schema_name, slug, display_name, contact_email, plan, state)
        values (gen_random_uuid(), 't_' || $1, 'acme', 'Acme', 'a@b.example', 'free', $1)";
    for state in ["failed", "purged"] {
        client.execute(insert, &[&state]).await.unwrap();
    }
    let dead = run(&["migrate", "up", "--tenant", "acme"], &admin, &data);
    assert!(text(&dead.stderr).contains("no tenant `acme`"), "{dead:?}");
    client.execute(insert, &[&"deleting"]).await.unwrap();
    let deleting = run(&["migrate", "up", "--tenant", "acme"], &admin, &data);
    assert!(
        text(&deleting.stderr).contains("is deleting"),
        "{deleting:?}"
    );
    server.stop().await.unwrap();
}
