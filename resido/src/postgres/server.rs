//! The server: starts it, says where it is, stops it.

use std::{
    fs,
    io::ErrorKind,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::ExitStatus,
    time::Instant,
};

use anyhow::{Context as _, Error, Result, anyhow, bail};
use secrecy::{ExposeSecret as _, SecretString};

use super::{
    admin,
    candidates::Programs,
    cluster::{Cluster, SUPERUSER},
    log, orphan,
    process::Process,
    programs,
    restarts::Restarts,
    spawn,
};
use crate::{
    data_dir::{DataDir, Lock, random_secret},
    progress::Progress,
};

/// Ports that are tried when others take them first.
const PORT_TRIES: u32 = 5;
/// File that keeps the port, so that URLs hold over restarts.
const PORT_FILE: &str = "postgres.port";
/// File that keeps the administrator's password.
const PASSWORD_FILE: &str = "postgres.password";
/// There is nothing to look at.
pub(crate) const NO_DATABASE: &str = "there is no database yet; `resido up` makes it, and one of your \
    own is named by DATABASE_URL or RESIDO_CONTROL_DATABASE_URL";
/// What is set on every start, over the file that `initdb` made.
const SETTINGS: [&str; 18] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=100",
    "password_encryption=scram-sha-256",
    "shared_buffers=128MB",
    "max_wal_size=512MB",
    "jit=off",
    "timezone=UTC",
    "log_timezone=UTC",
    "log_destination=stderr",
    "logging_collector=off",
    "log_line_prefix=%m [%p] ",
    // What tenants store stays out of the log: no statements, no parameters, and
    // no details, which quote keys and rows.
    "log_statement=none",
    "log_min_error_statement=panic",
    "log_error_verbosity=terse",
    "log_parameter_max_length=0",
    "log_parameter_max_length_on_error=0",
    "max_locks_per_transaction=256",
];
/// What is given up where data need not survive a loss of power.
const FAST_SETTINGS: [&str; 3] = [
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
];

/// How a server is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// Folder that keeps its files, password, port and log.
    pub data_dir: PathBuf,
    /// Folder of the programs; otherwise they are found or fetched.
    pub pg_bin: Option<PathBuf>,
    /// Whether what is committed survives a loss of power; off makes tests fast.
    pub durable: bool,
    /// Hears what is going on.
    pub progress: Progress,
}

impl Options {
    /// Keeps everything in `data_dir`, durably.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            pg_bin: None,
            durable: true,
            progress: Progress::default(),
        }
    }
}

/// A server that runs as long as this value lives.
#[derive(Debug)]
pub struct Server {
    process: Process,
    port: u16,
    start: Start,
    restarts: Restarts,
    /// Let go after the process has ended: fields are dropped in order.
    _lock: Lock,
}

impl Server {
    /// Starts the server on a data directory, which is made if there is none,
    /// and waits until it answers. Stops what a killed process left running.
    ///
    /// # Errors
    /// If another process uses the directory, no PostgreSQL is to be had, or the
    /// server does not start; the text has the end of its log then.
    pub async fn start(options: Options) -> Result<Self> {
        let dir = DataDir::open(&options.data_dir)?;
        let lock = dir.lock()?;
        let cluster = Cluster::open(dir.path())?;
        let major = cluster.major()?;
        let progress = &options.progress;
        if !cluster.home.starts_with(dir.path()) {
            progress.tell(&format!(
                "the database's files are in {}",
                cluster.home.display()
            ));
        }
        let programs = programs::obtain(options.pg_bin.as_deref(), major, progress).await?;
        let password = dir.secret(PASSWORD_FILE, random_secret)?;
        if major.is_none() {
            progress.tell(&format!(
                "creating a PostgreSQL {} database",
                programs.major
            ));
            let arguments: &[&str] = if options.durable { &[] } else { &["--no-sync"] };
            cluster.initialise(&programs, &password, arguments).await?;
        } else if orphan::stop(&cluster.data()).await? {
            progress.tell("stopped a database server that was left running");
        }
        progress.tell(&format!("starting PostgreSQL {}", programs.major));
        let start = Start {
            log_file: dir.path().join("postgres.log"),
            cluster,
            programs,
            password: password.into(),
            durable: options.durable,
        };
        for attempt in 1..=PORT_TRIES {
            let port = free_port(kept_port(dir.path()).filter(|_| attempt == 1))?;
            fs::write(dir.path().join(PORT_FILE), port.to_string())?;
            if let Some(process) = start.run(port).await? {
                return Ok(Self {
                    process,
                    port,
                    start,
                    restarts: Restarts::default(),
                    _lock: lock,
                });
            }
        }
        bail!("no free port was found for the database")
    }

    /// Returns the administrator's URL of a database.
    #[must_use]
    pub fn admin_url(&self, database: &str) -> String {
        self.url(SUPERUSER, self.start.password.expose_secret(), database)
    }

    /// Returns the URL of a database for a login.
    #[must_use]
    pub fn url(&self, user: &str, password: &str, database: &str) -> String {
        url(user, password, self.port, database)
    }

    /// Creates a database if there is none of the name.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn ensure_database(&self, name: &str) -> Result<()> {
        let admin = admin::connect(&self.admin_url("postgres")).await?;
        admin::ensure_database(&admin, name).await
    }

    /// Waits until the server ends, which it should not by itself.
    ///
    /// # Errors
    /// If the process cannot be waited for.
    pub async fn exited(&mut self) -> Result<ExitStatus> {
        self.process.exited().await
    }

    /// Starts the server again, on the same port, each time it ends by itself: it
    /// recovers what was committed, and meanwhile it refuses connections. Returns
    /// why that was given up, which it is after five times in five minutes.
    pub async fn keep(&mut self) -> Error {
        loop {
            let ended = match self.exited().await {
                Ok(status) => anyhow!("the database ended by itself ({status})"),
                Err(error) => return error,
            };
            if let Err(error) = self.restart(ended).await {
                return error;
            }
        }
    }

    async fn restart(&mut self, mut why: Error) -> Result<()> {
        while let Some(pause) = self.restarts.next(Instant::now()) {
            tracing::error!(
                error = format!("{why:#}"),
                pause_ms = pause.as_secs_f64() * 1000.0,
                "the database is started again"
            );
            tokio::time::sleep(pause).await;
            match self.start.again(self.port).await {
                Ok(process) => {
                    self.process = process;
                    tracing::warn!("the database runs again");
                    return Ok(());
                }
                Err(error) => why = error,
            }
        }
        Err(why.context("the database ended too often"))
    }

    /// Stops the server in order: running transactions are undone, what was
    /// committed is on disk. A server that is dropped instead ends at once, and
    /// its next start recovers.
    ///
    /// # Errors
    /// If it had to be killed.
    pub async fn stop(self) -> Result<()> {
        self.process.stop().await
    }
}

/// What every attempt to start the server has in common.
#[derive(Debug)]
struct Start {
    log_file: PathBuf,
    cluster: Cluster,
    programs: Programs,
    password: SecretString,
    durable: bool,
}

impl Start {
    /// Starts a server that has ended; it may have left its files in disorder.
    async fn again(&self, port: u16) -> Result<Process> {
        orphan::stop(&self.cluster.data()).await?;
        let process = self.run(port).await?;
        process.context("another process has taken the database's port")
    }

    /// Returns nothing if the port was taken meanwhile.
    async fn run(&self, port: u16) -> Result<Option<Process>> {
        let log_start = log::length(&self.log_file);
        let account = self.cluster.account.as_ref();
        let program = self.programs.folder.join("postgres");
        let mut command = spawn::command(&program, &self.cluster.home, account);
        command
            .arg("-D")
            .arg(self.cluster.data())
            .args(["-p", &port.to_string()]);
        let fast = FAST_SETTINGS.iter().filter(|_| !self.durable);
        for setting in SETTINGS.iter().chain(fast) {
            command.args(["-c", setting]);
        }
        let watchdog = |pid| spawn::watchdog(pid, Path::new("/"), account);
        let (mut process, said) = Process::spawn(command, watchdog)?;
        let log = log::keep(&self.log_file, said)?;
        let url = url(SUPERUSER, self.password.expose_secret(), port, "postgres");
        if process.answers(&url).await? {
            return Ok(Some(process));
        }
        log.await?;
        let tail = log::tail(&self.log_file, log_start);
        if tail.contains("could not bind") {
            return Ok(None);
        }
        bail!(
            "PostgreSQL did not start; {} says:\n{tail}",
            self.log_file.display()
        )
    }
}

/// Whether a database was made in a data directory.
pub(crate) fn exists(data_dir: &Path) -> bool {
    data_dir.join("postgres/data").exists()
}

fn kept_port(data_dir: &Path) -> Option<u16> {
    fs::read_to_string(data_dir.join(PORT_FILE))
        .ok()?
        .trim()
        .parse()
        .ok()
}

/// Returns the wanted port if it is free, or any that is.
fn free_port(wanted: Option<u16>) -> Result<u16> {
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let listener = match bind(wanted.unwrap_or(0)) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => bind(0)?,
        bound => bound.context("no port can be had for the database")?,
    };
    Ok(listener.local_addr()?.port())
}

/// Returns the URL that a login has, whether the server runs or not; nothing if
/// it never did.
pub(crate) fn kept_url(
    data_dir: &Path,
    user: &str,
    password: &str,
    database: &str,
) -> Option<String> {
    kept_port(data_dir).map(|port| url(user, password, port, database))
}

fn url(user: &str, password: &str, port: u16, database: &str) -> String {
    format!("postgresql://{user}:{password}@127.0.0.1:{port}/{database}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_kept_unless_it_is_taken() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        assert_ne!(free_port(Some(port)).unwrap(), port);
        drop(taken);
        assert_eq!(free_port(Some(port)).unwrap(), port);
    }

    #[test]
    fn a_server_that_never_ran_has_no_url() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(kept_url(dir.path(), "u", "p", "d"), None);
        fs::write(dir.path().join(PORT_FILE), "5433\n").unwrap();
        let url = kept_url(dir.path(), "u", "p", "d");
        assert_eq!(url.unwrap(), "postgresql://u:p@127.0.0.1:5433/d");
    }
}
