//! What operators do from the terminal.

use std::process::Output;

use serde_json::Value;

use crate::product::{Up, folder, resido, text};

/// Commands on the data directory of a product that runs.
struct Terminal {
    data: std::path::PathBuf,
    _up: Up,
    _folder: tempfile::TempDir,
}

impl Terminal {
    fn start() -> Self {
        let folder = folder();
        let data = folder.path().join("data");
        Self {
            _up: Up::start(&data, &[]),
            data,
            _folder: folder,
        }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = resido(arguments);
        let command = command.arg("--data-dir").arg(&self.data);
        command.stdin(std::process::Stdio::null()).output().unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--format", "json"]].concat());
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The exit code, and what was said of it.
    fn refused(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.run(arguments);
        (output.status.code().unwrap(), text(&output.stderr))
    }
}

#[test]
fn tenants_are_governed_from_the_terminal() {
    let terminal = Terminal::start();
    let create = ["tenants", "create", "acme", "--email", "ada@acme.example"];
    let created = terminal.json(&create);
    assert_eq!(created["tenant"]["state"], "ACTIVE");
    assert_eq!(created["activationToken"].as_str().unwrap().len(), 43);
    let name = created["tenant"]["name"].as_str().unwrap();

    let listed = terminal.run(&["tenants", "list"]);
    let listed = text(&listed.stdout);
    assert!(listed.starts_with("SLUG"), "{listed}");
    assert!(listed.contains("acme  ACTIVE"), "{listed}");
    let by_plan = ["tenants", "list", "--filter", "plan = \"gold\""];
    assert_eq!(terminal.json(&by_plan), Value::Array(Vec::new()));

    for (arguments, state) in [
        (
            &["tenants", "suspend", "acme", "--reason", "unpaid"][..],
            "SUSPENDED",
        ),
        (&["tenants", "resume", "acme"], "ACTIVE"),
        (
            &["tenants", "maintenance", "acme", "read-only"],
            "MAINTENANCE",
        ),
        (&["tenants", "maintenance", name, "off"], "ACTIVE"),
        (&["tenants", "delete", "acme", "--yes"], "DELETING"),
        (&["tenants", "undelete", name], "ACTIVE"),
    ] {
        assert_eq!(terminal.json(arguments)["state"], state, "{arguments:?}");
    }
    let renamed = [
        "tenants",
        "update",
        "acme",
        "--slug",
        "acme-homes",
        "--set",
        "theme=dark",
    ];
    let renamed = terminal.json(&renamed);
    assert_eq!(renamed["aliases"][0], "acme");
    assert_eq!(renamed["settings"]["theme"], "dark");

    let usage = terminal.json(&["tenants", "usage", "acme-homes"]);
    assert!(usage["tables"].as_array().unwrap().len() > 5, "{usage}");
    let file = terminal.data.with_file_name("acme.tar");
    let path = file.to_str().unwrap();
    let export = ["tenants", "export", "acme-homes", "--output", path];
    assert!(terminal.run(&export).status.success());
    let archive = std::fs::read(&file).unwrap();
    assert!(String::from_utf8_lossy(&archive).contains("manifest.json"));
    // A file that is there is not written over.
    assert_eq!(terminal.refused(&export).0, 1);
    let part = terminal.data.with_file_name("acme.tar.part");
    assert!(!part.exists());

    let piped = terminal.run(&["tenants", "export", "acme-homes", "--output", "-"]);
    assert!(piped.status.success(), "{piped:?}");
    assert!(String::from_utf8_lossy(&piped.stdout).contains("manifest.json"));
    assert!(text(&piped.stderr).contains(" bytes"));

    let record = terminal.json(&["audit", "--tenant", "acme-homes"]);
    let printed = terminal.run(&["audit", "--tenant", "acme-homes"]);
    let printed = text(&printed.stdout);
    assert!(
        printed.lines().all(|line| line.chars().count() <= 140),
        "{printed}"
    );
    assert!(printed.contains("unpaid"), "{printed}");
    let events = record.as_array().unwrap();
    let actions: Vec<_> = events.iter().map(|event| &event["action"]).collect();
    assert!(
        actions.iter().any(|action| *action == "tenants.suspend"),
        "{actions:?}"
    );
    assert!(
        events.iter().all(|event| event["actor"] == "services/cli"),
        "{record}"
    );
}

#[test]
fn maintenance_shows_what_it_lets_through() {
    let terminal = Terminal::start();
    terminal.json(&["tenants", "create", "acme", "--email", "ada@acme.example"]);
    let shown = |arguments: &[&str]| text(&terminal.run(arguments).stdout);
    for (mode, expected) in [
        ("read-only", "MAINTENANCE (read-only)"),
        ("closed", "MAINTENANCE (closed)"),
    ] {
        shown(&["tenants", "maintenance", "acme", mode]);
        for arguments in [&["tenants", "show", "acme"][..], &["tenants", "list"]] {
            let text = shown(arguments);
            assert!(text.contains(expected), "{text}");
        }
        shown(&["tenants", "maintenance", "acme", "off"]);
    }
    let none = terminal.refused(&["tenants", "list", "--limit", "0"]);
    assert_eq!(none.0, 2, "{}", none.1);
}

#[test]
fn an_export_that_is_refused_says_why_and_leaves_no_file() {
    let terminal = Terminal::start();
    terminal.json(&["tenants", "create", "acme", "--email", "ada@acme.example"]);
    terminal.json(&["tenants", "delete", "acme", "--yes"]);
    terminal.json(&["tenants", "purge", "acme", "--yes"]);
    let all = terminal.json(&["tenants", "list", "--filter", "state = PURGED"]);
    let name = all[0]["name"].as_str().unwrap();
    let file = terminal.data.with_file_name("acme.tar");
    let export = [
        "tenants",
        "export",
        name,
        "--output",
        file.to_str().unwrap(),
    ];
    let (code, said) = terminal.refused(&export);
    assert_eq!((code, said.contains("TENANT_STATE")), (3, true), "{said}");
    assert!(!said.contains("cannot be written"), "{said}");
    let left = std::fs::read_dir(file.parent().unwrap()).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert!(
        left.iter()
            .all(|name| !name.to_string_lossy().contains("acme")),
        "{left:?}"
    );
}

#[test]
fn exit_codes_say_why_a_command_did_nothing() {
    let terminal = Terminal::start();
    let (code, said) = terminal.refused(&["tenants", "create", "acme", "--email", "nobody"]);
    assert_eq!(code, 3, "{said}");
    assert!(
        said.contains("`tenant.contact_email` is not an e-mail address"),
        "{said}"
    );
    let (code, said) = terminal.refused(&["tenants", "show", "acme"]);
    assert_eq!(code, 4, "{said}");
    let create = ["tenants", "create", "acme", "--email", "ada@acme.example"];
    terminal.json(&create);
    let (code, said) = terminal.refused(&create);
    assert_eq!((code, said.contains("TENANT_EXISTS")), (3, true), "{said}");
    for destructive in ["delete", "purge"] {
        let (code, said) = terminal.refused(&["tenants", destructive, "acme"]);
        assert_eq!((code, said.contains("--yes")), (2, true), "{said}");
    }
    let (_, said) = terminal.refused(&["tenants", "delete", "acme", "--grace", "0"]);
    assert!(
        said.contains("for good") && !said.contains("restored"),
        "{said}"
    );
    let (code, said) = terminal.refused(&["tenants", "purge", "acme", "--yes"]);
    assert_eq!((code, said.contains("TENANT_STATE")), (3, true), "{said}");
    let (code, said) = terminal.refused(&["users", "show", "x@y.example", "--tenant", "acme"]);
    assert_eq!(code, 4, "{said}");
    assert!(said.contains("is no member of"), "{said}");
}

#[test]
fn people_are_governed_from_the_terminal() {
    let terminal = Terminal::start();
    terminal.json(&["tenants", "create", "acme", "--email", "ada@acme.example"]);
    let invite = [
        "users",
        "invite",
        "bob@acme.example",
        "--tenant",
        "acme",
        "--role",
        "viewer",
    ];
    let invitation = terminal.json(&invite);
    assert_eq!(invitation["state"], "OPEN");
    assert_eq!(invitation["roles"][0], "viewer");
    let open =
        |terminal: &Terminal| terminal.json(&["users", "invitations", "list", "--tenant", "acme"]);
    assert_eq!(open(&terminal)[0]["name"], invitation["name"]);
    let by_address = |verb| {
        [
            "users",
            "invitations",
            verb,
            "Bob@acme.example",
            "--tenant",
            "acme",
        ]
    };
    let again = terminal.json(&by_address("resend"));
    assert_eq!(again["name"], invitation["name"]);
    let withdrawn = terminal.json(&by_address("revoke"));
    assert_eq!(withdrawn["state"], "REVOKED");
    assert_eq!(open(&terminal), Value::Array(Vec::new()));
    let (code, said) = terminal.refused(&by_address("revoke"));
    assert_eq!(code, 4, "{said}");
    assert!(said.contains("is not invited to"), "{said}");
    assert!(
        terminal
            .run(&["users", "list", "--tenant", "acme"])
            .status
            .success()
    );
    assert!(
        terminal
            .run(&["users", "reset-password", "nobody@acme.example"])
            .status
            .success()
    );
}

#[test]
fn a_data_directory_without_a_database_is_left_alone() {
    let folder = folder();
    let data = folder.path().join("data");
    let mut command = resido(&["tenants", "list", "--data-dir"]);
    let output = command.arg(&data).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        text(&output.stderr).contains("no database yet"),
        "{output:?}"
    );
    // It may be elsewhere.
    assert!(text(&output.stderr).contains("DATABASE_URL"), "{output:?}");
    assert!(!data.exists());
}
