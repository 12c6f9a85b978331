//! The keys of access tokens, and the operator's way around a log-in.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::product::{Up, folder, resido, text};

fn curl(url: &str, arguments: &[&str]) -> Value {
    let output = Command::new("curl")
        .args(["-s", "-m", "20", url])
        .args(arguments)
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
}

/// Whether the gateway takes a token of staff.
fn is_good(gateway: &str, token: &str) -> bool {
    let bearer = format!("authorization: Bearer {token}");
    let listed = curl(&format!("{gateway}/v1/tenants"), &["-H", &bearer]);
    listed.get("tenants").is_some()
}

fn login(gateway: &str, credentials: &str) -> String {
    let json = "content-type: application/json";
    let url = format!("{gateway}/v1/auth:login");
    let reply = curl(&url, &["-H", json, "-d", credentials]);
    reply["accessToken"].as_str().unwrap().to_owned()
}

fn kid(token: &str) -> String {
    jsonwebtoken::decode_header(token).unwrap().kid.unwrap()
}

fn run(data: &Path, arguments: &[&str]) -> std::process::Output {
    let mut command = resido(arguments);
    command.arg("--data-dir").arg(data).output().unwrap()
}

/// Checks that whoever makes a key, or a token without a log-in, is on record.
fn check_record(data: &Path, expected: &str) {
    let recorded = run(
        data,
        &[
            "audit",
            "--format",
            "json",
            "--filter",
            "actor = \"services/cli\"",
        ],
    );
    let recorded: Value = serde_json::from_slice(&recorded.stdout).unwrap();
    let recorded: Vec<_> = recorded.as_array().unwrap().iter().rev().collect();
    let actions: Vec<_> = recorded.iter().map(|row| row["action"].as_str()).collect();
    let expected_actions = ["keys.rotate", "tokens.create", "tokens.create"];
    assert_eq!(actions, expected_actions.map(Some));
    assert_eq!(recorded[0]["resource"], format!("keys/{expected}"));
    assert_eq!(recorded[0]["after"]["overlap_seconds"], 86_400);
    assert_eq!(recorded[1]["resource"], "principals/operator");
    assert_eq!(recorded[1]["after"]["seconds"], 300);
}

#[test]
fn a_rotated_key_signs_what_comes_and_the_old_one_verifies_what_came() {
    let dir = folder();
    let data = dir.path().join("data");
    assert_eq!(run(&data, &["keys", "list"]).status.code(), Some(1));
    assert_eq!(run(&data, &["token"]).status.code(), Some(1));
    assert!(!data.exists(), "looking made a data directory");

    let mut up = Up::start(&data, &[]);
    let first = run(&data, &["keys", "list", "--format", "json"]);
    let first: Value = serde_json::from_slice(&first.stdout).unwrap();
    let made = first[0]["created"].as_str().unwrap();
    assert!(made.starts_with("20"), "{made} is no time of today");
    assert_eq!(first[0]["signs"], made);
    let gateway = up
        .ready
        .lines()
        .find_map(|line| line.trim().strip_prefix("gateway "))
        .unwrap()
        .trim()
        .to_owned();
    let credentials = fs::read_to_string(data.join("operator.json")).unwrap();
    let old = login(&gateway, &credentials);
    assert!(is_good(&gateway, &old));

    let short = run(&data, &["keys", "rotate", "--yes", "--overlap", "60s"]);
    assert!(text(&short.stderr).contains("--overlap"), "{short:?}");
    let unsure = run(&data, &["keys", "rotate"]);
    assert_eq!(unsure.status.code(), Some(2), "{unsure:?}");
    let rotated = run(&data, &["keys", "rotate", "--yes", "--format", "json"]);
    assert!(rotated.status.success(), "{rotated:?}");
    let rows: Value = serde_json::from_slice(&rotated.stdout).unwrap();
    let states = [&rows[0]["state"], &rows[1]["state"]];
    assert_eq!(states, ["verifies", "signs"]);
    assert_eq!(rows[0]["kid"], kid(&old));
    assert!(rows[0]["retires"].is_string() && rows[1]["retires"].is_null());

    // The running control plane takes it within seconds.
    let expected = rows[1]["kid"].as_str().unwrap();
    let started = Instant::now();
    let new = loop {
        let token = login(&gateway, &credentials);
        if kid(&token) == expected {
            break token;
        }
        assert!(started.elapsed() < Duration::from_secs(10), "not taken");
        std::thread::park_timeout(Duration::from_millis(100));
    };
    let keys = curl(&format!("{gateway}/.well-known/jwks.json"), &[]);
    let keys = keys["keys"].as_array().unwrap();
    let published: Vec<_> = keys.iter().map(|key| key["kid"].as_str()).collect();
    assert_eq!(published, [Some(expected), Some(kid(&old).as_str())]);
    // A gateway asks for unknown keys every ten seconds at most.
    let started = Instant::now();
    while !is_good(&gateway, &new) {
        assert!(started.elapsed() < Duration::from_secs(15), "never trusted");
        std::thread::park_timeout(Duration::from_millis(100));
    }
    assert!(is_good(&gateway, &old), "the overlap has only begun");

    let minted = run(&data, &["token", "--ttl", "5m"]);
    let minted = text(&minted.stdout);
    assert_eq!(kid(minted.trim()), expected);
    assert!(is_good(&gateway, minted.trim()), "{minted}");
    let json = run(&data, &["token", "--format", "json"]);
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["expires_in"], 900);
    assert_eq!(
        run(&data, &["token", "--ttl", "16m"]).status.code(),
        Some(1)
    );
    check_record(&data, expected);
    assert!(up.terminate().success());
}
