//! The data directory: keys, passwords and the embedded database.
//!
//! Secrets are files that only their owner can read, made once and kept. A file
//! appears whole or not at all.

use std::{
    fmt, fs,
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

/// The folder that `--data-dir` names.
#[derive(Debug, Clone)]
pub(crate) struct DataDir(PathBuf);

/// Keeps other processes from using the folder, until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: fs::File,
}

/// The bootstrap operator's credentials, as `operator.json` holds them.
#[derive(Clone, Serialize, Deserialize)]
pub struct Operator {
    /// Whom the operator logs in as.
    pub email: String,
    /// The operator's password.
    pub password: String,
}

impl fmt::Debug for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operator")
            .field("email", &self.email)
            .finish_non_exhaustive()
    }
}

impl DataDir {
    /// Opens the folder, making it if it is not there.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(path)
            .with_context(|| format!("cannot create the data directory {}", path.display()))?;
        let path = path
            .canonicalize()
            .with_context(|| format!("cannot open the data directory {}", path.display()))?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Takes the folder for this process alone.
    pub(crate) fn lock(&self) -> Result<Lock> {
        let path = self.0.join("lock");
        let mut file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        if let Err(error) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
            if error != rustix::io::Errno::WOULDBLOCK {
                return Err(error).with_context(|| format!("cannot lock {}", path.display()));
            }
            let mut owner = String::new();
            file.read_to_string(&mut owner)?;
            bail!(
                "the data directory {} is in use by process {}",
                self.0.display(),
                owner.trim()
            );
        }
        file.set_len(0)?;
        file.write_all(std::process::id().to_string().as_bytes())?;
        Ok(Lock { _file: file })
    }

    /// Whether another process, or this one, holds the folder.
    pub(crate) fn is_locked(&self) -> bool {
        fs::File::open(self.0.join("lock")).is_ok_and(|file| {
            flock(&file, FlockOperation::NonBlockingLockShared)
                == Err(rustix::io::Errno::WOULDBLOCK)
        })
    }

    /// Returns the secret in a file, made by `make` when there is none yet.
    pub(crate) fn secret(
        &self,
        name: &str,
        make: impl FnOnce() -> Result<String>,
    ) -> Result<String> {
        let path = self.0.join(name);
        if let Some(secret) = read(&path)? {
            return Ok(secret);
        }
        let secret = make()?;
        write_secret(&path, &secret)?;
        Ok(secret)
    }

    /// Returns the operator's credentials, made for `email` when there are none
    /// yet.
    pub(crate) fn operator(&self, email: &str) -> Result<Operator> {
        let json = self.secret("operator.json", || {
            let operator = Operator {
                email: email.to_owned(),
                password: random_secret()?,
            };
            Ok(serde_json::to_string_pretty(&operator)? + "\n")
        })?;
        serde_json::from_str(&json)
            .with_context(|| format!("{} is damaged", self.operator_file().display()))
    }

    /// Returns where the operator's credentials are.
    pub(crate) fn operator_file(&self) -> PathBuf {
        self.0.join("operator.json")
    }
}

/// Returns the secret in a file at any place, made by `make` when there is none.
pub(crate) fn secret_file(path: &Path, make: impl FnOnce() -> Result<String>) -> Result<String> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .context("the key file has no name")?;
    DataDir::open(folder)?.secret(name, make)
}

/// Returns 256 random bits as text that is safe in a URL.
pub(crate) fn random_secret() -> Result<String> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).context("the system gives no randomness")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn read(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

fn write_secret(path: &Path, secret: &str) -> Result<()> {
    let part = path.with_extension("part");
    let write = || -> io::Result<()> {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&part)?;
        file.write_all(secret.as_bytes())?;
        file.sync_all()?;
        fs::rename(&part, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_secret_is_made_once_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let dir = DataDir::open(&folder.path().join("new")).unwrap();
        let first = dir.secret("key", random_secret).unwrap();
        assert_eq!(dir.secret("key", || panic!("made twice")).unwrap(), first);
        let mode = fs::metadata(dir.path().join("key"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(
            dir.operator("o@x").unwrap().password,
            dir.operator("o@x").unwrap().password
        );
    }

    #[test]
    fn a_damaged_operator_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let dir = DataDir::open(folder.path()).unwrap();
        fs::write(dir.operator_file(), "{").unwrap();
        assert!(format!("{:#}", dir.operator("o@x").unwrap_err()).contains("operator.json"));
    }

    #[test]
    fn one_process_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let dir = DataDir::open(folder.path()).unwrap();
        assert!(!dir.is_locked());
        let lock = dir.lock().unwrap();
        assert!(dir.is_locked());
        let refused = dir.lock().unwrap_err().to_string();
        assert!(
            refused.contains(&std::process::id().to_string()),
            "{refused}"
        );
        drop(lock);
        assert!(!dir.is_locked());
        dir.lock().unwrap();
    }
}
