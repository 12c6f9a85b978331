//! The commands that look and prepare.

use std::fs;

use crate::product::{folder, resido, text};

#[test]
fn help_documents_exit_codes_and_variables() {
    let output = resido(&["--help"]).output().unwrap();
    assert!(output.status.success());
    let help = text(&output.stdout);
    for part in [
        "Exit codes: 0 done, 1 failed, 2",
        "check-config",
        "completions",
        "OTEL_EXPORTER",
    ] {
        assert!(help.contains(part), "{part}: {help}");
    }
    let help = text(&resido(&["up", "--help"]).output().unwrap().stdout);
    for part in [
        "--data-dir",
        "DATABASE_URL",
        "RUN_MIGRATIONS",
        "TENANT_MIGRATE_TIMEOUT",
        "--demo",
    ] {
        assert!(help.contains(part), "{part}: {help}");
    }
    assert_eq!(resido(&["fly"]).output().unwrap().status.code(), Some(2));
}

#[test]
fn completions_are_printed() {
    for shell in ["bash", "zsh", "fish"] {
        let output = resido(&["completions", shell]).output().unwrap();
        assert!(text(&output.stdout).contains("check-config"), "{shell}");
    }
}

#[test]
fn n3_check_config_reports_every_fault_and_fails() {
    let dir = folder();
    let file = dir.path().join("resido.toml");
    fs::write(
        &file,
        "[gateway]\nlisten = 1\n[databse]\n[migrations]\nrun = \"x\"\ndir = \"no\"\n",
    )
    .unwrap();
    let check = || {
        let mut command = resido(&["check-config"]);
        command.current_dir(dir.path());
        command
    };
    let output = check().output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let faults = text(&output.stdout);
    for line in ["resido.toml:2: ", "resido.toml:3: ", "resido.toml:5: "] {
        assert!(faults.contains(line), "{faults}");
    }
    let json = check().args(["--format", "json"]).output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(
        (&report["valid"], report["faults"].as_array().unwrap().len()),
        (&false.into(), 3)
    );

    fs::write(&file, "[migrations]\ndir = \"no\"\n").unwrap();
    assert!(text(&check().output().unwrap().stdout).contains("no/public"));
    fs::remove_file(&file).unwrap();
    let output = check().output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stdout));
    let short = check().env("JWT_SECRET", "an old one").output().unwrap();
    let faults = text(&short.stdout);
    assert_eq!(short.status.code(), Some(1));
    assert!(faults.contains("at least 32 bytes"), "{faults}");
    assert!(!faults.contains("an old one"), "{faults}");
    assert_eq!(
        resido(&["check-config", "--config", "/nowhere.toml"])
            .output()
            .unwrap()
            .status
            .code(),
        Some(1)
    );
}

#[test]
fn migrate_new_makes_the_next_file() {
    let dir = folder();
    let refused = resido(&["migrate", "new", "tenant", "floor", "--migrations"])
        .arg(dir.path())
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(text(&refused.stderr).contains("neither `public` nor"));
    fs::create_dir(dir.path().join("tenant")).unwrap();
    for (name, file) in [
        ("add floor", "0001_add_floor.sql"),
        ("more", "0002_more.sql"),
    ] {
        let mut command = resido(&["migrate", "new", "tenant", name, "--migrations"]);
        let output = command.arg(dir.path()).output().unwrap();
        assert!(text(&output.stdout).trim().ends_with(file), "{output:?}");
    }
}

#[test]
fn migrations_work_on_a_stopped_database_and_on_a_named_one() {
    let dir = folder();
    let data = dir.path().join("data");
    let migrate = |what: &str| {
        let output = resido(&["migrate", what, "--format", "json", "--data-dir"])
            .arg(&data)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let said = text(&output.stderr);
        assert!(!said.contains("database is away"), "{said}");
        let stdout = text(&output.stdout);
        let mut parsed =
            serde_json::Deserializer::from_str(&stdout).into_iter::<serde_json::Value>();
        parsed.next().unwrap().unwrap()
    };
    let none = resido(&["migrate", "status", "--data-dir"])
        .arg(&data)
        .output()
        .unwrap();
    assert_eq!(none.status.code(), Some(1), "{none:?}");
    assert!(text(&none.stderr).contains("no database yet"), "{none:?}");
    assert!(!data.exists(), "looking made a data directory");
    assert!(migrate("up")["applied"].as_i64().unwrap() > 0);
    assert_eq!(migrate("up")["applied"], 0);
    let status = migrate("status");
    assert_eq!(status["publicApplied"], status["publicLatest"]);
}

#[test]
fn routes_and_their_description_agree() {
    let dir = folder();
    let run = |arguments: &[&str]| {
        let output = resido(arguments).current_dir(dir.path()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        text(&output.stdout)
    };
    let table = run(&["routes"]);
    assert!(table.starts_with("VERB"), "{table}");
    let routes: serde_json::Value =
        serde_json::from_str(&run(&["routes", "--format", "json"])).unwrap();
    let routes = routes.as_array().unwrap();
    let create = routes
        .iter()
        .find(|route| route["template"] == "/v1/properties" && route["verb"] == "POST");
    assert_eq!(create.unwrap()["access"], "tenant");
    let document: serde_json::Value = serde_json::from_str(&run(&["openapi"])).unwrap();
    assert!(document["paths"]["/v1/properties"]["post"].is_object());
    let alone = run(&["routes", "--alone", "--format", "json"]);
    assert!(
        !alone.contains("housing"),
        "no part of ours is named: {alone}"
    );
}

#[test]
fn output_that_nobody_reads_is_no_failure() {
    let command = format!("{} routes | head -n 1", env!("CARGO_BIN_EXE_resido"));
    let output = std::process::Command::new("sh")
        .args(["-c", &command])
        .current_dir("/")
        .output()
        .unwrap();
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn the_old_variables_are_read() {
    let dir = folder();
    let migrate = |concurrency: &str| {
        let url = "postgresql://u:p@127.0.0.1:1/d";
        resido(&["migrate", "up", "--control-database-url", url])
            .current_dir(dir.path())
            .env("RUN_MIGRATIONS", "true")
            .env("TENANT_MIGRATE_CONCURRENCY", concurrency)
            .env("TENANT_MIGRATE_TIMEOUT", "60000")
            .env("TENANT_MIGRATE_LOG", "0")
            .env("TENANT_MIGRATE_TENANT_ID", "acme")
            .output()
            .unwrap()
    };
    // Understood: it fails for want of a database.
    let output = migrate("2");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stderr).contains("database"), "{output:?}");
    assert!(text(&migrate("0").stderr).contains("migrations.concurrency"));
    assert_eq!(migrate("many").status.code(), Some(2));
}

#[test]
fn looking_for_a_database_makes_none() {
    let dir = folder();
    let output = resido(&["db", "url"])
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("no database yet"),
        "{output:?}"
    );
    assert!(!dir.path().join(".resido").exists());
}
