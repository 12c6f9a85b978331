//! Runs of migrations from the terminal.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Output, Stdio},
};

use serde_json::Value;

use crate::product::{Up, folder, resido, text};

/// Two tenants, and files that are newer than the built-in ones.
struct Fleet {
    data: PathBuf,
    files: PathBuf,
    last: i64,
    _up: Up,
    _folder: tempfile::TempDir,
}

impl Fleet {
    fn start() -> Self {
        let folder = folder();
        let files = folder.path().join("files");
        let built_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations");
        let mut last = 0;
        for set in ["public", "tenant"] {
            fs::create_dir_all(files.join(set)).unwrap();
            last = 0;
            for file in fs::read_dir(built_in.join(set)).unwrap() {
                let file = file.unwrap();
                fs::copy(file.path(), files.join(set).join(file.file_name())).unwrap();
                last += 1;
            }
        }
        let data = folder.path().join("data");
        let up = Up::start(&data, &[]);
        let fleet = Self {
            data,
            files,
            last,
            _up: up,
            _folder: folder,
        };
        for slug in ["acme", "globex"] {
            let create = ["tenants", "create", slug, "--email", "ada@acme.example"];
            assert!(fleet.run(&create).status.success());
        }
        fleet
    }

    /// Adds a file, and what undoes it.
    fn add(&self, name: &str, (sql, down): (&str, &str)) {
        let folder = self.files.join("tenant");
        let next = self.last + 1;
        fs::write(folder.join(format!("{next:04}_{name}.sql")), sql).unwrap();
        fs::write(folder.join(format!("{next:04}_{name}.down.sql")), down).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = resido(arguments);
        let command = command.arg("--data-dir").arg(&self.data);
        command.stdin(Stdio::null()).output().unwrap()
    }

    /// The exit code and what was printed, of a command on the added files.
    fn migrate(&self, arguments: &[&str]) -> (i32, String, String) {
        let files = self.files.to_str().unwrap();
        let output = self.run(&[&["migrate"], arguments, &["--migrations", files]].concat());
        let code = output.status.code().unwrap();
        (code, text(&output.stdout), text(&output.stderr))
    }
}

#[test]
fn the_end_of_a_run_says_what_was_done() {
    let fleet = Fleet::start();
    fleet.add(
        "extra",
        (
            "create table extra (id uuid primary key);",
            "drop table extra;",
        ),
    );
    let (code, said, _) = fleet.migrate(&["up", "--rehearse"]);
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("2 done, 0 failed: rehearsed, nothing changed"),
        "{said}"
    );
    let (code, said, _) = fleet.migrate(&["up", "--tenant", "acme", "--tenant-log"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("1 done, 0 failed: done"), "{said}");
    assert!(said.contains("acme  done at version"), "{said}");
    let (_, said, _) = fleet.migrate(&["up"]);
    assert!(
        said.contains("all current") && !said.contains("globex"),
        "{said}"
    );

    let built_in = fleet.run(&["migrate", "status"]);
    let built_in = text(&built_in.stdout);
    assert!(built_in.contains("2 newer than the files"), "{built_in}");
    assert!(!built_in.contains("everything is current"), "{built_in}");

    let (_, listed, _) = fleet.migrate(&["runs", "--format", "json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let last = listed[0]["id"].as_str().unwrap();
    assert!(listed[0]["endTime"].is_string(), "{listed}");
    let (code, _, said) = fleet.migrate(&["rollback", last]);
    assert_eq!((code, said.contains("--yes")), (2, true), "{said}");
    let (code, said, _) = fleet.migrate(&["rollback", last, "--yes", "--canary", "1"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains(": undone"), "{said}");
    let (_, listed, _) = fleet.migrate(&["runs", "--format", "json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed[0]["of"], last);
    let (_, table, _) = fleet.migrate(&["runs"]);
    assert!(table.contains("CREATED") && table.contains(last), "{table}");
}

#[test]
fn a_failed_tenant_is_named_once_and_by_its_slug() {
    let fleet = Fleet::start();
    fleet.add(
        "broken",
        ("alter table nothing add column x text;", "select 1;"),
    );
    let (code, said, _) = fleet.migrate(&["up", "--max-failures", "5"]);
    assert_eq!(code, 1, "{said}");
    for slug in ["acme", "globex"] {
        assert_eq!(said.matches(&format!("{slug}  42P01")).count(), 1, "{said}");
    }
    let (_, listed, _) = fleet.migrate(&["runs", "--format", "json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let run = listed[0]["id"].as_str().unwrap();
    let (code, shown, _) = fleet.migrate(&["runs", run]);
    assert_eq!(code, 0, "{shown}");
    assert!(
        shown.contains("acme  42P01") && shown.contains("created"),
        "{shown}"
    );
    let (_, events, _) = fleet.migrate(&["retry", run, "--format", "json"]);
    let events = events
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let events: Vec<Value> = events.collect();
    let tenant = events
        .iter()
        .find(|event| event["event"] == "tenant")
        .unwrap();
    assert!(
        tenant["slug"].is_string() && tenant["tenant"].is_string(),
        "{tenant}"
    );
    let end = events.last().unwrap();
    assert!(end["failures"][0]["slug"].is_string(), "{end}");
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let fleet = Fleet::start();
    let beyond = (fleet.last + 1).to_string();
    let unknown = "01900000-0000-7000-8000-000000000001";
    for (arguments, part) in [
        (&["up", "--tenant", "initech"][..], "initech"),
        (&["up", "--exclude", "initech"], "initech"),
        (&["plan", "--canary", "initech"], "initech"),
        (&["up", "--canary", "0"], "--canary"),
        (&["up", "--waves", "50%,10%"], "--waves"),
        (&["up", "--to", &beyond], "--to"),
        (&["plan", "--where", "color=blue"], "`filter` "),
        (&["retry", unknown], "no such run"),
        (&["rollback", unknown, "--yes"], "no such run"),
        (&["runs", unknown], "no run"),
    ] {
        let (code, said, why) = fleet.migrate(arguments);
        assert_eq!(code, 2, "{arguments:?}: {said}{why}");
        assert!(why.contains(part), "{arguments:?}: {why}");
    }
    fs::write(fleet.files.join("tenant/0099_gap.sql"), "select 1;").unwrap();
    let (code, _, why) = fleet.migrate(&["status"]);
    assert_eq!((code, why.contains("files are wrong")), (2, true), "{why}");
}
