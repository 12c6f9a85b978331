//! What the README tells people to paste works.

use std::{os::unix::fs::symlink, path::Path, process::Command};

use resido_e2e::{product, scratch};

/// Returns the blocks of the tour, in order.
fn tour() -> String {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    let blocks = readme.split("```sh tour\n").skip(1);
    blocks.filter_map(|rest| rest.split("```").next()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_five_minute_tour_works_as_it_is_pasted() {
    let product = product::shared().await.unwrap();
    let folder = scratch::folder("tour").unwrap();
    symlink(&product.data_dir, folder.join(".resido")).unwrap();
    let script = tour();
    assert!(script.matches("curl").count() >= 8, "{script}");
    // The demo's tenants must not be in the way.
    assert!(!script.contains(r#""slug": "acme""#), "{script}");
    let address = product.gateway.to_string();
    let script = script.replace("127.0.0.1:8080", &address);
    let run = move || {
        let mut bash = Command::new("bash");
        bash.args(["-euo", "pipefail", "-c", &script])
            .env("LC_ALL", "C")
            .current_dir(folder);
        bash.output().unwrap()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}\n{errors}");
    // Whatever goes wrong is said there.
    assert_eq!(errors, "", "{printed}");
    // Each answer that is shown has a line of its own.
    let answers = printed.lines().filter(|line| line.starts_with('{'));
    assert_eq!(answers.count(), 8, "{printed}");
    for expected in [
        r#""email":"ada@initech.example""#,
        r#""displayName":"1a""#,
        r#""areaSqm":54.5"#,
        r#""displayName":"North Tower""#,
        r#""city":"Oslo""#,
        r#""email":"bob@initech.example","roles":["member"],"state":"OPEN""#,
        r#""reason":"REQUEST_INVALID""#,
        "displayNam",
        "\nHTTP 400\n",
        r#""reason":"TENANT_DENIED""#,
        "\nHTTP 403\n",
        r#""reason":"CREDENTIAL_REQUIRED""#,
        "\nHTTP 401\n",
    ] {
        assert!(
            printed.contains(expected),
            "no {expected} in {printed}\n{errors}"
        );
    }
}
