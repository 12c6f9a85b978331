//! The server's files: where they are, who owns them, and how they are made.

use std::{
    fs,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, chown, symlink},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use std::io::Write as _;

use super::{account::Account, candidates::Programs, spawn};

/// Where the files are when the account that runs the server cannot reach the
/// data directory, as below a closed home folder.
const ELSEWHERE: &str = "/var/lib/resido";
/// The server's administrator.
pub(super) const SUPERUSER: &str = "postgres";

/// The folder of the server's files and the account that owns it.
#[derive(Debug)]
pub(super) struct Cluster {
    /// Holds `data`; owned by the account.
    pub(super) home: PathBuf,
    pub(super) account: Option<Account>,
}

impl Cluster {
    /// Finds or makes the folder, `postgres` below the data directory.
    pub(super) fn open(data_dir: &Path) -> Result<Self> {
        let account = Account::unprivileged()?;
        let link = data_dir.join("postgres");
        if !link.exists() {
            match &account {
                Some(account) if !account.can_reach(data_dir) => {
                    let home = Path::new(ELSEWHERE).join(uuid::Uuid::now_v7().to_string());
                    make_folder(&home, Some(account))?;
                    // A link of an earlier place that is gone makes way.
                    if fs::symlink_metadata(&link).is_ok() {
                        bail!("{} points to a folder that is gone", link.display());
                    }
                    symlink(&home, &link)?;
                }
                account => make_folder(&link, account.as_ref())?,
            }
        }
        let home = link.canonicalize()?;
        if let Some(account) = account.as_ref().filter(|account| !account.can_reach(&home)) {
            bail!(
                "account {} cannot reach {}: a folder above is closed",
                account.name,
                home.display()
            );
        }
        Ok(Self { home, account })
    }

    pub(super) fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    /// Returns the major version that made the files, if there are any.
    pub(super) fn major(&self) -> Result<Option<u32>> {
        let file = self.data().join("PG_VERSION");
        if !self.data().exists() {
            return Ok(None);
        }
        let text =
            fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        text.trim()
            .parse()
            .map(Some)
            .with_context(|| format!("{} is damaged", file.display()))
    }

    /// Makes the files. They appear whole or not at all.
    /// `arguments` go to `initdb`.
    pub(super) async fn initialise(
        &self,
        programs: &Programs,
        password: &str,
        arguments: &[&str],
    ) -> Result<()> {
        let part = self.home.join("data.part");
        if part.exists() {
            fs::remove_dir_all(&part).context("cannot clear away an unfinished database")?;
        }
        let password_file = self.home.join("password.part");
        self.write_private(&password_file, password)?;
        let mut initdb = spawn::command(
            &programs.folder.join("initdb"),
            &self.home,
            self.account.as_ref(),
        );
        initdb
            .arg("-D")
            .arg(&part)
            .arg("--pwfile")
            .arg(&password_file)
            .args([
                "-U",
                SUPERUSER,
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--no-locale",
            ])
            .args(arguments);
        let output = tokio::process::Command::from(initdb)
            .kill_on_drop(true)
            .output()
            .await;
        fs::remove_file(&password_file)?;
        let output = output.context("cannot run initdb")?;
        if !output.status.success() {
            bail!(
                "initdb failed: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        fs::rename(&part, self.data())?;
        Ok(())
    }

    fn write_private(&self, path: &Path, text: &str) -> Result<()> {
        if path.exists() {
            fs::remove_file(path)?;
        }
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(text.as_bytes())?;
        if let Some(account) = &self.account {
            chown(path, Some(account.uid), Some(account.gid))?;
        }
        Ok(())
    }
}

fn make_folder(folder: &Path, account: Option<&Account>) -> Result<()> {
    let failed = || format!("cannot create {}", folder.display());
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent).with_context(failed)?;
    }
    fs::DirBuilder::new()
        .mode(0o700)
        .create(folder)
        .with_context(failed)?;
    if let Some(account) = account {
        chown(folder, Some(account.uid), Some(account.gid)).with_context(failed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_an_interrupted_start_are_no_database() {
        let dir = tempfile::tempdir().unwrap();
        let cluster = Cluster {
            home: dir.path().to_owned(),
            account: None,
        };
        fs::create_dir(dir.path().join("data.part")).unwrap();
        assert_eq!(cluster.major().unwrap(), None);
        fs::create_dir(cluster.data()).unwrap();
        assert!(cluster.major().is_err(), "a damaged one is not overwritten");
        fs::write(cluster.data().join("PG_VERSION"), "15\n").unwrap();
        assert_eq!(cluster.major().unwrap(), Some(15));
    }
}
