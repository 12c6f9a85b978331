//! Folders that are gone when the test process is.

use std::{
    path::{Path, PathBuf},
    process::{ChildStdin, Command, Stdio},
    sync::LazyLock,
};

use anyhow::{Context as _, Result};

/// Waits for the end of its standard input, which is that of the test process.
/// Whoever still writes then is given a moment.
const SWEEP: &str = r#"
trap '' INT TERM
read -r _
for _ in 1 2 3 4 5 6 7 8 9 10; do rm -rf "$1" && break; sleep 0.3; done
"#;

struct Root {
    path: PathBuf,
    _broom: ChildStdin,
}

static ROOT: LazyLock<Option<Root>> = LazyLock::new(|| root().ok());

fn root() -> Result<Root> {
    let path = tempfile::Builder::new()
        .prefix("resido-e2e-data-")
        .tempdir()?
        .keep();
    let mut broom = Command::new("sh");
    broom.args(["-c", SWEEP, "sweep"]).arg(&path);
    let mut broom = broom.stdin(Stdio::piped()).spawn()?;
    let broom = broom.stdin.take().context("no standard input")?;
    Ok(Root {
        path,
        _broom: broom,
    })
}

/// Makes a new folder; its name begins with `name`.
///
/// # Errors
/// If it cannot be made.
pub fn folder(name: &str) -> Result<PathBuf> {
    let root: &Path = &ROOT.as_ref().context("no folder for the tests")?.path;
    let folder = tempfile::Builder::new()
        .prefix(&format!("{name}-"))
        .tempdir_in(root)?;
    Ok(folder.keep())
}
