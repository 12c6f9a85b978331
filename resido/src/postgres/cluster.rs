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
    /// Finds or makes the folder, `postgres` below the data directory, or where
    /// a link of that name leads.
    pub(super) fn open(data_dir: &Path) -> Result<Self> {
        let mut account = Account::unprivileged()?;
        let link = data_dir.join("postgres");
        if fs::symlink_metadata(&link).is_err() {
            let home = match &account {
                Some(account) if !account.can_reach(data_dir) => {
                    Path::new(ELSEWHERE).join(uuid::Uuid::now_v7().to_string())
                }
                _ => link.clone(),
            };
            make_folder(&home)?;
            if home != link {
                symlink(&home, &link)?;
            }
        }
        let home = link
            .canonicalize()
            .with_context(|| format!("{} leads nowhere", link.display()))?;
        if let Some(account) = &mut account {
            account.own(&home)?;
            if !account.can_reach(&home) {
                let (name, home) = (&account.name, home.display());
                bail!("account {name} cannot reach {home}: a folder above is closed");
            }
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

fn make_folder(folder: &Path) -> Result<()> {
    let failed = || format!("cannot create {}", folder.display());
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent).with_context(failed)?;
    }
    let made = fs::DirBuilder::new().mode(0o700).create(folder);
    made.with_context(failed)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

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

    #[test]
    fn a_link_that_leads_nowhere_is_named_and_left() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("postgres");
        symlink("/nowhere/at/all", &link).unwrap();
        let error = Cluster::open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("leads nowhere"), "{error}");
        assert!(fs::symlink_metadata(&link).is_ok());
    }

    #[test]
    fn the_folder_is_the_accounts_and_closed_to_others() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o711)).unwrap();
        let cluster = Cluster::open(dir.path()).unwrap();
        let metadata = fs::metadata(&cluster.home).unwrap();
        assert_eq!(metadata.mode() & 0o777, 0o700);
        let owner = cluster.account.as_ref().map(|account| account.uid);
        assert_eq!(owner, Some(metadata.uid()).filter(|_| owner.is_some()));
        let again = Cluster::open(dir.path()).unwrap();
        assert_eq!((again.home, again.account), (cluster.home, cluster.account));
    }
}
