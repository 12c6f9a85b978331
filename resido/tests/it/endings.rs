//! How a part that runs alone ends, and what it says of itself meanwhile.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tonic::transport::Channel;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::product::{folder, resido, text};

/// Housing without a database, which it only needs for calls.
struct Housing {
    child: Child,
    address: String,
    admin: String,
    _lines: BufReader<std::process::ChildStdout>,
}

impl Housing {
    fn start(keys: &str) -> Self {
        let any = "127.0.0.1:0";
        let database = "postgresql://u:p@127.0.0.1:1/d";
        let mut child = resido(&["housing", "--listen", any, "--admin-listen", any])
            .args(["--context-jwks", keys, "--app-database-url", database])
            // The gateway's, and none of its own.
            .env("JWT_SECRET", "an old variable")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut address = || {
            let mut line = String::new();
            lines.read_line(&mut line).unwrap();
            line.trim().rsplit(' ').next().unwrap().to_owned()
        };
        Self {
            address: address(),
            admin: address(),
            child,
            _lines: lines,
        }
    }

    fn terminate(&self) {
        let pid = self.child.id().to_string();
        let told = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(told.unwrap().success());
    }

    fn page(&self, path: &str) -> (String, String) {
        let url = format!("http://{}{path}", self.admin);
        let output = Command::new("curl")
            .args(["-s", "-m", "20", "-w", "\n%{http_code}", &url])
            .output()
            .unwrap();
        let answer = text(&output.stdout);
        let (body, status) = answer.rsplit_once('\n').unwrap();
        (status.to_owned(), body.to_owned())
    }

    async fn health(&self) -> HealthClient<Channel> {
        let endpoint = Channel::from_shared(format!("http://{}", self.address));
        HealthClient::new(endpoint.unwrap().connect().await.unwrap())
    }
}

impl Drop for Housing {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[tokio::test]
async fn a_second_signal_ends_a_part_at_once() {
    let mut housing = Housing::start("nowhere.json");
    let mut health = housing.health().await;
    let request = HealthCheckRequest::default();
    let mut watch = health.watch(request).await.unwrap().into_inner();
    let status = watch.message().await.unwrap().unwrap().status();
    assert_eq!(status.as_str_name(), "NOT_SERVING", "no keys have come");

    let started = Instant::now();
    housing.terminate();
    // The stream is still open, so that it waits. It hears the first one first.
    while std::net::TcpStream::connect(&housing.address).is_ok() {
        assert!(started.elapsed() < Duration::from_secs(5), "it goes on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(housing.child.try_wait().unwrap().is_none(), "it waits");
    housing.terminate();
    assert_eq!(housing.child.wait().unwrap().code(), Some(130));
    assert!(started.elapsed() < Duration::from_secs(8));
    let mut said = String::new();
    let mut stderr = housing.child.stderr.take().unwrap();
    std::io::Read::read_to_string(&mut stderr, &mut said).unwrap();
    assert!(said.contains("stopped without waiting"), "{said}");
    assert!(!said.contains("JWT_SECRET"), "{said}");
}

#[tokio::test]
async fn a_part_is_ready_when_the_keys_have_come() {
    let dir = folder();
    let keys = dir.path().join("keys.json");
    let mut housing = Housing::start(keys.to_str().unwrap());
    assert_eq!(housing.page("/healthz").0, "200");
    assert_eq!(housing.page("/readyz").0, "503");
    let mut health = housing.health().await;
    let request = HealthCheckRequest::default();
    let mut watch = health.watch(request).await.unwrap().into_inner();
    let pem = resido_tenancy::keys::SigningKey::generate_pem().unwrap();
    let key = resido_tenancy::keys::SigningKey::from_pem(&pem).unwrap();
    let set = serde_json::to_string(&key.jwks()).unwrap();
    let part = dir.path().join("part");
    std::fs::write(&part, set).unwrap();
    std::fs::rename(&part, &keys).unwrap();
    while watch
        .message()
        .await
        .unwrap()
        .unwrap()
        .status()
        .as_str_name()
        != "SERVING"
    {}
    assert_eq!(housing.page("/readyz").0, "200");
    let (status, metrics) = housing.page("/metrics");
    assert_eq!(status, "200");
    assert!(metrics.contains("resido_"), "{metrics}");
    drop((watch, health));
    housing.terminate();
    assert!(housing.child.wait().unwrap().success());
}
