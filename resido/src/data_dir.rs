//! The data directory: keys, passwords and the embedded database.
//!
//! Secrets are files that only their owner can read, made once and kept. A file
//! appears whole or not at all, and whoever comes second finds the first's.

use std::{
    fmt, fs,
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The bootstrap operator's credentials.
const OPERATOR: &str = "operator.json";
/// How long a held folder is asked for again: whoever only looks whether it is
/// held takes it for a moment.
const LOCK_PATIENCE: Duration = Duration::from_millis(200);

/// The folder that `--data-dir` names.
#[derive(Debug, Clone)]
pub(crate) struct DataDir(PathBuf);

/// Keeps other processes from using the folder, until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    file: fs::File,
}

impl Drop for Lock {
    /// Closing the file would not do: a child that is just being started has a
    /// copy of it until it runs its program.
    fn drop(&mut self) {
        if let Err(error) = flock(&self.file, FlockOperation::Unlock) {
            tracing::warn!(%error, "the data directory could not be let go");
        }
    }
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
        refuse_shared(&path)?;
        Ok(Self(path))
    }

    /// Opens a folder of secrets, making it for its owner alone if it is not
    /// there.
    pub(crate) fn private(path: &Path) -> Result<Self> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .with_context(|| format!("cannot create {}", path.display()))?;
        Self::open(path)
    }

    /// Opens the folder if it is there; makes nothing.
    pub(crate) fn find(path: &Path) -> Result<Option<Self>> {
        match path.canonicalize() {
            Ok(path) => Ok(Some(Self(path))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error)
                .with_context(|| format!("cannot open the data directory {}", path.display())),
        }
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
        let taken = take(&file).with_context(|| format!("cannot lock {}", path.display()))?;
        if !taken {
            let mut owner = String::new();
            file.read_to_string(&mut owner)?;
            bail!(
                "the data directory {} is in use by process {}",
                self.0.display(),
                owner.trim()
            );
        }
        let mut lock = Lock { file };
        lock.file.set_len(0)?;
        lock.file
            .write_all(std::process::id().to_string().as_bytes())?;
        Ok(lock)
    }

    /// Whether another process, or this one, holds the folder.
    pub(crate) fn is_locked(&self) -> bool {
        let Ok(file) = fs::File::open(self.0.join("lock")) else {
            return false;
        };
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => {
                drop(Lock { file });
                false
            }
            Err(error) => error == rustix::io::Errno::WOULDBLOCK,
        }
    }

    /// Returns the secret in a file, if there is one.
    pub(crate) fn kept(&self, name: &str) -> Result<Option<String>> {
        read(&self.0.join(name))
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
        if publish(&path, &secret).with_context(|| format!("cannot write {}", path.display()))? {
            return Ok(secret);
        }
        read(&path)?.with_context(|| format!("{} came and went", path.display()))
    }

    /// Returns the operator's credentials, made for `email` when there are none
    /// yet.
    pub(crate) fn operator(&self, email: &str) -> Result<Operator> {
        let json = self.secret(OPERATOR, || {
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
        self.0.join(OPERATOR)
    }
}

/// Refuses a folder in which everybody may put files: they could be keys of
/// theirs. A group may be one's own, as where volumes are mounted for it.
fn refuse_shared(folder: &Path) -> Result<()> {
    let mode = fs::metadata(folder)?.permissions().mode();
    let shown = folder.display();
    if mode & 0o002 != 0 {
        bail!(
            "everybody may write to {shown}, where secrets are kept; `chmod o-w {shown}` mends it"
        );
    }
    if mode & 0o020 != 0 {
        tracing::warn!(
            folder = %shown,
            "the group of this folder may write to it, and so replace the secrets in it"
        );
    }
    Ok(())
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

/// Takes a lock that nobody else has; asks again for a little while.
fn take(file: &fs::File) -> rustix::io::Result<bool> {
    let started = Instant::now();
    loop {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(true),
            Err(rustix::io::Errno::WOULDBLOCK) if started.elapsed() < LOCK_PATIENCE => {
                std::thread::park_timeout(Duration::from_millis(10));
            }
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}

/// Makes a file whole, unless there is one: then returns false and leaves it.
fn publish(path: &Path, secret: &str) -> io::Result<bool> {
    let part = path.with_added_extension(format!("{}.part", Uuid::now_v7()));
    let write = || -> io::Result<()> {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&part)?;
        file.write_all(secret.as_bytes())?;
        file.sync_all()
    };
    // Unlike a rename, a link never replaces what another process has made.
    let made = match write().and_then(|()| fs::hard_link(&part, path)) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    };
    // It is not there if it could not be made.
    fs::remove_file(&part).ok();
    made
}

#[cfg(test)]
mod tests {
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
    fn a_folder_that_everybody_may_write_to_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for (mode, taken) in [
            (0o755, true),
            (0o775, true),
            (0o777, false),
            (0o1777, false),
        ] {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
            let opened = DataDir::open(folder.path());
            assert_eq!(opened.is_ok(), taken, "{mode:o}");
            let said = opened.map_or_else(|error| error.to_string(), |_| "chmod".to_owned());
            assert!(said.contains("chmod"), "{said}");
        }
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let key = secret_file(&folder.path().join("key.pem"), random_secret);
        assert!(key.is_err());
    }

    #[test]
    fn who_starts_at_the_same_time_gets_the_same_secret() {
        let folder = tempfile::tempdir().unwrap();
        let dir = DataDir::open(folder.path()).unwrap();
        for round in 0..20 {
            let name = format!("key{round}");
            let start = std::sync::Barrier::new(4);
            let make = || {
                start.wait();
                dir.secret(&name, random_secret).unwrap()
            };
            let got = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(make)).collect();
                let got = threads.into_iter().map(|thread| thread.join().unwrap());
                got.collect::<std::collections::BTreeSet<_>>()
            });
            assert_eq!(got.len(), 1, "{got:?}");
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 20, "no parts");
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

    #[test]
    fn a_folder_is_let_go_even_while_a_child_has_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let dir = DataDir::open(folder.path()).unwrap();
        let lock = dir.lock().unwrap();
        // What a child has between its fork and its program.
        let copy = lock.file.try_clone().unwrap();
        drop(lock);
        dir.lock().unwrap();
        drop(copy);
    }

    #[test]
    fn who_looks_does_not_keep_others_from_starting() {
        let folder = tempfile::tempdir().unwrap();
        let dir = DataDir::open(folder.path()).unwrap();
        drop(dir.lock().unwrap());
        let looker = fs::File::open(dir.path().join("lock")).unwrap();
        flock(&looker, FlockOperation::LockShared).unwrap();
        std::thread::scope(|scope| {
            let taken = scope.spawn(|| dir.lock().map(drop));
            std::thread::park_timeout(Duration::from_millis(20));
            flock(&looker, FlockOperation::Unlock).unwrap();
            taken.join().unwrap().unwrap();
        });
    }

    #[test]
    fn looking_for_a_folder_makes_none() {
        let folder = tempfile::tempdir().unwrap();
        let absent = folder.path().join("absent");
        assert!(DataDir::find(&absent).unwrap().is_none());
        assert!(!absent.exists());
        let dir = DataDir::find(folder.path()).unwrap().unwrap();
        assert_eq!(dir.kept("key").unwrap(), None);
        let made = dir.secret("key", random_secret).unwrap();
        assert_eq!(dir.kept("key").unwrap(), Some(made));
    }
}
