//! Chooses the PostgreSQL to run: named, found or fetched.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::{
    candidates::{OLDEST, Programs, folders},
    fetch,
};
use crate::{environment, progress::Progress};

/// Returns the folder with the newest PostgreSQL programs that serve: `pg_bin` if
/// it is given, else what `RESIDO_PG_BIN`, `PATH`, the places of Debian, Red Hat
/// and Homebrew, and an earlier fetch offer; fetches them if the machine has none.
///
/// # Errors
/// If there are none to be had, or `pg_bin` holds none; the text says how to
/// install them.
pub async fn find(pg_bin: Option<&Path>, progress: &Progress) -> Result<PathBuf> {
    Ok(obtain(pg_bin, None, progress).await?.folder)
}

/// Returns programs of the wanted major version, or the newest that serve;
/// fetches them if the machine has none.
pub(super) async fn obtain(
    pg_bin: Option<&Path>,
    wanted: Option<u32>,
    progress: &Progress,
) -> Result<Programs> {
    let owned = pg_bin.map(Path::to_owned);
    let found = tokio::task::spawn_blocking(move || installed(owned.as_deref(), wanted)).await??;
    match found {
        Some(programs) => Ok(programs),
        None => fetch::fetch(wanted, progress)
            .await
            .with_context(|| missing(wanted)),
    }
}

fn installed(pg_bin: Option<&Path>, wanted: Option<u32>) -> Result<Option<Programs>> {
    let variable = environment::variable("RESIDO_PG_BIN").map(PathBuf::from);
    if let Some(folder) = pg_bin.or(variable.as_deref()) {
        let programs = Programs::at(folder)
            .with_context(|| format!("there is no PostgreSQL in {}", folder.display()))?;
        if programs.major < OLDEST {
            bail!(
                "PostgreSQL {} is too old: {OLDEST} or later is needed",
                programs.major
            );
        }
        if let Some(wanted) = wanted.filter(|wanted| *wanted != programs.major) {
            bail!(
                "the data directory was made by PostgreSQL {wanted}, but {} holds {}",
                folder.display(),
                programs.major
            );
        }
        return Ok(Some(programs));
    }
    let mut folders = folders(environment::variable("PATH").as_deref());
    folders.extend(fetch::fetched());
    let serves = |programs: &Programs| {
        programs.major >= OLDEST && wanted.is_none_or(|wanted| wanted == programs.major)
    };
    let found = folders
        .iter()
        .filter_map(|folder| Programs::at(folder))
        .filter(serves);
    // Of equals the first, which is what `PATH` says.
    Ok(found.reduce(|best, next| if next.major > best.major { next } else { best }))
}

fn missing(wanted: Option<u32>) -> String {
    let version = wanted.map_or_else(|| format!("{OLDEST} or later"), |major| major.to_string());
    let install = if cfg!(target_os = "macos") {
        "brew install postgresql@17"
    } else if Path::new("/etc/debian_version").exists() {
        "apt-get install postgresql"
    } else if Path::new("/etc/redhat-release").exists() {
        "dnf install postgresql-server"
    } else {
        "see https://www.postgresql.org/download/"
    };
    format!(
        "no PostgreSQL {version} was found and none could be fetched; install one ({install}), \
         or name the folder of its programs in RESIDO_PG_BIN, or give --database-url"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_named_folder_without_programs_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let error = find(Some(dir.path()), &Progress::default())
            .await
            .unwrap_err();
        assert!(
            error
                .to_string()
                .contains(&dir.path().display().to_string()),
            "{error}"
        );
    }

    #[test]
    fn what_is_missing_says_how_to_get_it() {
        let text = missing(Some(17));
        for part in [
            "PostgreSQL 17",
            "install",
            "RESIDO_PG_BIN",
            "--database-url",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[tokio::test]
    async fn another_major_version_than_the_datas_is_refused() {
        let folder = find(None, &Progress::default()).await.unwrap();
        let error = installed(Some(&folder), Some(99)).unwrap_err();
        assert!(
            error.to_string().contains("made by PostgreSQL 99"),
            "{error}"
        );
    }
}
