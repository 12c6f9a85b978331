//! What happens when the embedded database goes away under a running product.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use crate::product::{Up, folder, text};

/// Kills the database's main process as a lack of memory would.
fn kill_database(data: &Path) -> String {
    let file = data.join("postgres/data/postmaster.pid");
    let content = fs::read_to_string(file).unwrap();
    let pid = content.lines().next().unwrap().to_owned();
    let killed = Command::new("kill").args(["-9", &pid]).status().unwrap();
    assert!(killed.success());
    pid
}

#[test]
fn a_killed_database_comes_back_and_callers_are_told_to_wait() {
    let dir = folder();
    let data = dir.path().join("data");
    let mut up = Up::start(&data, &["--demo"]);
    let lines: Vec<_> = up.ready.lines().collect();
    let list = lines.iter().find(|line| line.starts_with("curl ")).unwrap();
    // The token is got once: logging in needs the database, too.
    let (list, login) = list.split_once("$(").unwrap();
    let login = login.trim_end_matches(")\"");
    let token = Command::new("sh").args(["-c", login]).output().unwrap();
    let token = text(&token.stdout);
    let list = list.replacen(
        "curl -s",
        "curl -s -o /dev/null -w '%{http_code} %header{retry-after}'",
        1,
    );
    let list = format!("{list}{}\"", token.trim());
    let ask = || {
        let output = Command::new("sh").args(["-c", &list]).output().unwrap();
        text(&output.stdout).trim().to_owned()
    };
    assert_eq!(ask(), "200");

    let first = kill_database(&data);
    let started = Instant::now();
    let mut answers = vec![ask()];
    while answers.last().is_none_or(|answer| answer != "200") {
        assert!(started.elapsed() < Duration::from_secs(60), "{answers:?}");
        answers.push(ask());
    }
    let waits = answers.iter().filter(|answer| *answer == "503 1").count();
    assert_eq!(waits, answers.len() - 1, "{answers:?}");
    assert!(waits > 0, "{answers:?}");

    // It is the same again: the new one is watched as the first was.
    let second = kill_database(&data);
    assert_ne!(first, second);
    while ask() != "200" {
        assert!(started.elapsed() < Duration::from_secs(60));
    }
    assert!(up.terminate().success());
}
