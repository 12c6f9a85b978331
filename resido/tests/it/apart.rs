//! Each part as a process of its own.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use resido::postgres::{Options, Server};
use serde_json::Value;

use crate::product::{folder, resido, text};

/// A part that serves; killed when dropped.
struct Part(Child);

impl Part {
    /// Starts it and waits until it says that it listens.
    fn start(arguments: &[&str]) -> Self {
        let mut child = resido(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let part = Self(child);
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert!(line.contains(" listens on "), "{arguments:?}: {line}");
        part
    }

    fn terminate(mut self) {
        let pid = self.0.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn free() -> String {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string()
}

fn curl(arguments: &[&str]) -> Value {
    let output = Command::new("curl")
        .args(["-s", "-m", "20"])
        .args(arguments)
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
}

fn post(url: &str, token: &str, body: &str) -> Value {
    let bearer = format!("authorization: Bearer {token}");
    let mut arguments = vec![url, "-H", "content-type: application/json", "-d", body];
    if !token.is_empty() {
        arguments.extend(["-H", &bearer]);
    }
    curl(&arguments)
}

/// Asks again until the answer has the field: parts find each other in any order.
fn until(field: &str, ask: impl Fn() -> Value) -> String {
    let started = Instant::now();
    loop {
        let answer = ask();
        if let Some(value) = answer[field].as_str() {
            return value.to_owned();
        }
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "no {field} in {answer}"
        );
        std::thread::park_timeout(Duration::from_millis(100));
    }
}

fn variable(lines: &str, name: &str) -> String {
    let found = lines
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    found.unwrap().to_owned()
}

#[tokio::test]
async fn three_processes_serve_as_one() {
    let dir = folder();
    let server = Server::start(Options {
        durable: false,
        ..Options::new(dir.path().join("pg"))
    });
    let server = server.await.unwrap();
    server.ensure_database("apart").await.unwrap();
    let data = dir.path().join("data");
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let init = resido(&[
        "db",
        "init",
        "--database-url",
        &server.admin_url("apart"),
        "--data-dir",
    ])
    .arg(&data)
    .output()
    .unwrap();
    let urls = text(&init.stdout);
    let (control_url, app_url) = (
        variable(&urls, "RESIDO_CONTROL_DATABASE_URL"),
        variable(&urls, "RESIDO_APP_DATABASE_URL"),
    );

    let (gateway, admin, control, housing) = (free(), free(), free(), free());
    let keys = format!("http://{admin}/context-jwks.json");
    let control_plane = Part::start(&[
        "control-plane",
        "--listen",
        &control,
        "--context-jwks",
        &keys,
        "--control-database-url",
        &control_url,
        "--data-dir",
        &path(&data),
    ]);
    let housing_part = Part::start(&[
        "housing",
        "--listen",
        &housing,
        "--context-jwks",
        &keys,
        "--app-database-url",
        &app_url,
    ]);
    let gateway_part = Part::start(&[
        "gateway",
        "--listen",
        &gateway,
        "--admin-listen",
        &admin,
        "--control-plane",
        &format!("http://{control}"),
        "--upstream",
        &format!("housing=http://{housing}"),
        "--context-key-file",
        &path(&dir.path().join("context-key.pem")),
    ]);

    let url = |path: &str| format!("http://{gateway}/v1/{path}");
    let operator = fs::read_to_string(data.join("operator.json")).unwrap();
    let operator = until("accessToken", || post(&url("auth:login"), "", &operator));
    let tenant = r#"{"slug":"apart","displayName":"Apart","contactEmail":"ada@apart.example"}"#;
    // The gateway may still wait for its keys: until then it answers 503.
    let activation = until("activationToken", || {
        post(&url("tenants"), &operator, tenant)
    });
    let register = format!(
        r#"{{"activationToken":"{activation}","email":"ada@apart.example","password":"correct horse battery","firstName":"Ada"}}"#
    );
    assert!(post(&url("users:register"), "", &register)["name"].is_string());
    let login = r#"{"email":"ada@apart.example","password":"correct horse battery"}"#;
    let token = until("accessToken", || post(&url("auth:login"), "", login));
    let property = r#"{"displayName":"North Tower"}"#;
    until("name", || post(&url("properties"), &token, property));

    gateway_part.terminate();
    housing_part.terminate();
    control_plane.terminate();
    server.stop().await.unwrap();
}
