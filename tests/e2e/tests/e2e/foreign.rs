//! Clients that other people wrote get along with the port.
//!
//! They are installed from `foreign/` into `target/foreign`, by `.ci/run` or by
//! the first test that needs them. Where a machine has no Python or no Node at
//! all, the test says so and leaves that client out.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use resido_e2e::{product, scratch};
use resido_proto::{
    identity::{CONTEXT_ISSUER, CONTEXT_TYPE, ContextClaims, Mode, Role, Subject, TenantClaims},
    ids::{TenantId, UserId},
};
use resido_tenancy::{
    keys::SigningKey,
    tenant::{RoleNames, SchemaName},
};
use serde_json::json;

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("foreign")
}

/// Returns where the clients are installed, and whether they are: in the folder
/// that `RESIDO_FOREIGN_CLIENTS` names, or in `target/foreign` of this build.
#[expect(
    clippy::disallowed_methods,
    reason = "`.ci/run` says where it has installed them"
)]
fn place() -> (PathBuf, bool) {
    if let Some(folder) = std::env::var_os("RESIDO_FOREIGN_CLIENTS") {
        return (folder.into(), true);
    }
    let program = std::env::current_exe().unwrap();
    let folder = program.ancestors().nth(3).unwrap().join("foreign");
    std::fs::create_dir_all(&folder).unwrap();
    (folder, false)
}

/// Whether a program is on this machine.
fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output();
    found.is_ok_and(|found| found.status.success())
}

fn run(command: &mut Command) {
    let output = command.output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (printed, errors) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{command:?}\n{printed}\n{errors}");
}

/// Installs by `steps` unless the same was installed before, which a stamp beside
/// it tells. Returns the folder.
fn install(lock: &str, steps: impl FnOnce(&Path)) -> PathBuf {
    let (folder, installed) = place();
    let wanted = std::fs::read_to_string(sources().join(lock)).unwrap();
    let stamp = folder.join(format!("{lock}.stamp"));
    let stamped = std::fs::read_to_string(&stamp).is_ok_and(|found| found == wanted);
    if !installed && !stamped {
        steps(&folder);
        std::fs::write(stamp, wanted).unwrap();
    }
    folder
}

/// Returns the Python that has the packages, which are installed once.
fn python() -> PathBuf {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    let install = || {
        let folder = install("requirements.txt", |folder| {
            let python = folder.join("venv/bin/python");
            if !python.exists() {
                run(Command::new("python3")
                    .args(["-m", "venv"])
                    .arg(folder.join("venv")));
            }
            let pip = [
                "-m",
                "pip",
                "install",
                "-q",
                "--disable-pip-version-check",
                "-r",
            ];
            run(Command::new(&python)
                .args(pip)
                .arg(sources().join("requirements.txt")));
        });
        folder.join("venv/bin/python")
    };
    PYTHON.get_or_init(install).clone()
}

/// A context for a service of that name, made so many seconds ago.
fn context(tenant: TenantId, aud: &str, age: u64, life: u64) -> ContextClaims {
    let iat = jsonwebtoken::get_current_timestamp() - age;
    ContextClaims {
        iss: CONTEXT_ISSUER.to_owned(),
        aud: aud.to_owned(),
        iat,
        exp: iat + life,
        sub: Subject::User(UserId::new()),
        act: None,
        roles: vec![Role::MEMBER],
        perm: None,
        grants: Vec::new(),
        tenant: Some(TenantClaims {
            tid: tenant,
            epoch: 1,
            plan: "free".to_owned(),
            place: "main".to_owned(),
            sv: 1,
            mode: Mode::ReadWrite,
        }),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_python_service_verifies_contexts_as_the_guide_says() {
    if !has("python3") {
        eprintln!("left out: no python3 on this machine");
        return;
    }
    let key = || SigningKey::from_pem(&SigningKey::generate_pem().unwrap()).unwrap();
    let (ours, theirs, tenant) = (key(), key(), TenantId::new());
    let good = context(tenant, "tickets", 0, 60);
    let sign = |key: &SigningKey, kind, claims: &ContextClaims| key.sign(kind, claims).unwrap();
    let bad = [
        sign(&ours, CONTEXT_TYPE, &context(tenant, "housing", 0, 60)),
        sign(&ours, CONTEXT_TYPE, &context(tenant, "tickets", 70, 60)),
        sign(&ours, CONTEXT_TYPE, &context(tenant, "tickets", 0, 3600)),
        sign(&theirs, CONTEXT_TYPE, &good),
        sign(&ours, "JWT", &good),
        "no.token.atall".to_owned(),
    ];
    let cases = json!({
        "audience": "tickets",
        "jwks": ours.jwks(),
        "good": sign(&ours, CONTEXT_TYPE, &good),
        "bad": bad,
        "tenant": tenant,
        "names": [SchemaName::of(tenant).as_str(), RoleNames::of("shop", tenant).runtime],
    });
    let work = move || {
        let file = scratch::folder("contexts").unwrap().join("cases.json");
        std::fs::write(&file, cases.to_string()).unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        run(Command::new(python())
            .arg(sources().join("context_check.py"))
            .arg(root.join("docs/guides/verify-the-context.md"))
            .arg(file));
    };
    tokio::task::spawn_blocking(work).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p3_a_python_grpc_client_works_by_reflection_alone() {
    if !has("python3") {
        eprintln!("left out: no python3 on this machine");
        return;
    }
    let product = product::shared().await.unwrap();
    let owner = product.owner().await.unwrap();
    let address = product.gateway.to_string();
    let work = move || {
        run(Command::new(python())
            .arg(sources().join("grpc_client.py"))
            .args([&address, &owner.token]));
    };
    tokio::task::spawn_blocking(work).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f1_a_javascript_grpc_web_client_works() {
    if !has("node") || !has("npm") {
        eprintln!("left out: no node and npm on this machine");
        return;
    }
    let product = product::shared().await.unwrap();
    let owner = product.owner().await.unwrap();
    let url = format!("http://{}", product.gateway);
    let work = move || {
        let folder = install("package-lock.json", |folder| {
            for file in ["package.json", "package-lock.json"] {
                std::fs::copy(sources().join(file), folder.join(file)).unwrap();
            }
            let npm = ["ci", "--silent", "--no-fund", "--no-audit", "--prefix"];
            run(Command::new("npm").args(npm).arg(folder));
        });
        // Node looks for packages beside the program.
        let program = folder.join("web_client.mjs");
        std::fs::copy(sources().join("web_client.mjs"), &program).unwrap();
        let descriptors = scratch::folder("descriptors").unwrap().join("all.binpb");
        std::fs::write(&descriptors, resido_proto::DESCRIPTOR_SET).unwrap();
        run(Command::new("node")
            .arg(&program)
            .args([&url, &owner.token])
            .arg(&descriptors));
    };
    tokio::task::spawn_blocking(work).await.unwrap();
}
