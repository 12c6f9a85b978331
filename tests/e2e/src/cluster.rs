//! A PostgreSQL server that ends with the test process.

use std::{
    io::Write as _,
    net::TcpListener,
    os::unix::{fs::chown, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use resido::Progress;
use tokio::sync::OnceCell;
use tokio_postgres::NoTls;
use uuid::Uuid;

use crate::wait;

/// Runs the server until its own standard input ends, which it does when the
/// test process is gone for whatever reason; then removes the folder, if told.
const GUARDED: &str = r#"
trap '' INT TERM
"$1/postgres" -D "$2/data" -c port="$3" -c listen_addresses=127.0.0.1 \
    -c unix_socket_directories= -c max_connections=400 -c jit=off \
    -c fsync=off -c synchronous_commit=off -c full_page_writes=off \
    -c max_wal_size=512MB >>"$2/log" 2>&1 </dev/null &
server=$!
read -r order
kill -INT "$server" 2>/dev/null
wait "$server"
[ "$order" = keep ] || rm -rf "$2"
"#;

/// A server with a data folder of its own.
#[derive(Debug)]
pub struct Cluster {
    bin: PathBuf,
    dir: PathBuf,
    user: Option<(u32, u32)>,
    password: String,
    port: u16,
    guard: Option<(Child, ChildStdin)>,
}

/// Returns the server that all tests of one process share.
///
/// # Errors
/// If no server can be started.
pub async fn shared() -> Result<&'static Cluster> {
    static SHARED: OnceCell<Cluster> = OnceCell::const_new();
    SHARED.get_or_try_init(Cluster::start).await
}

impl Cluster {
    /// Makes a data folder and starts a server on a free port.
    ///
    /// # Errors
    /// If there is no PostgreSQL on this machine, or it does not start.
    pub async fn start() -> Result<Self> {
        let bin = resido::postgres::find(None, &Progress::default()).await?;
        let dir = tempfile::Builder::new()
            .prefix("resido-e2e-")
            .tempdir()?
            .keep();
        let user = unprivileged(&dir)?;
        if let Some((uid, gid)) = user {
            chown(&dir, Some(uid), Some(gid))?;
        }
        let mut cluster = Self {
            bin,
            dir,
            user,
            password: Uuid::new_v4().simple().to_string(),
            port: 0,
            guard: None,
        };
        cluster.init()?;
        // Another process may take a port that was free a moment ago.
        for _ in 0..5 {
            cluster.port = free_port()?;
            if cluster.run().await.is_ok() {
                return Ok(cluster);
            }
        }
        let log = std::fs::read_to_string(cluster.dir.join("log")).unwrap_or_default();
        bail!("PostgreSQL does not start:\n{log}");
    }

    /// Returns a login's URL of a database.
    #[must_use]
    pub fn url(&self, user: &str, password: &str, database: &str) -> String {
        let port = self.port;
        format!("postgresql://{user}:{password}@127.0.0.1:{port}/{database}?sslmode=disable")
    }

    /// Returns the administrator's URL of a database.
    #[must_use]
    pub fn admin_url(&self, database: &str) -> String {
        self.url("postgres", &self.password, database)
    }

    /// Stops the server and keeps its data.
    ///
    /// # Errors
    /// If it cannot be waited for.
    pub fn stop(&mut self) -> Result<()> {
        if let Some((mut child, mut order)) = self.guard.take() {
            order.write_all(b"keep\n")?;
            child.wait()?;
        }
        Ok(())
    }

    /// Starts a stopped server again, on the same port.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn run(&mut self) -> Result<()> {
        let mut command = self.command("sh");
        command.args(["-c", GUARDED, "guarded"]);
        command.arg(&self.bin).arg(&self.dir);
        command.arg(self.port.to_string()).stdin(Stdio::piped());
        let mut child = command.spawn().context("sh does not start")?;
        let order = child.stdin.take().context("no standard input")?;
        self.guard = Some((child, order));
        let url = self.admin_url("postgres");
        let answered = wait::until(Duration::from_secs(20), || async {
            tokio_postgres::connect(&url, NoTls).await.is_ok()
        });
        if answered.await {
            return Ok(());
        }
        self.stop()?;
        bail!("PostgreSQL does not answer")
    }

    fn init(&self) -> Result<()> {
        let secret = self.dir.join("password");
        std::fs::write(&secret, &self.password)?;
        let mut command = self.command(self.bin.join("initdb"));
        command.args(["--no-sync", "--auth=password", "--username=postgres"]);
        command.args(["--encoding=UTF8", "--locale=C", "--pgdata"]);
        command
            .arg(self.dir.join("data"))
            .arg("--pwfile")
            .arg(&secret);
        let output = command.output().context("initdb does not start")?;
        std::fs::remove_file(&secret)?;
        if !output.status.success() {
            bail!("initdb failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.dir);
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some((mut child, order)) = self.guard.take() {
            // Its end is the sign to stop and to remove the folder.
            drop(order);
            let _ended = child.wait().is_ok();
        }
        // A server that was stopped has left it behind.
        let _removed = std::fs::remove_dir_all(&self.dir).is_ok();
    }
}

/// Returns whom the server must run as, where this process is root's: the server
/// refuses root.
fn unprivileged(dir: &Path) -> Result<Option<(u32, u32)>> {
    use std::os::unix::fs::MetadataExt as _;
    if std::fs::metadata(dir)?.uid() != 0 {
        return Ok(None);
    }
    let users = std::fs::read_to_string("/etc/passwd")?;
    for name in ["postgres", "nobody"] {
        for line in users.lines() {
            let fields: Vec<_> = line.split(':').collect();
            if let [user, _, uid, gid, ..] = *fields.as_slice()
                && user == name
            {
                return Ok(Some((uid.parse()?, gid.parse()?)));
            }
        }
    }
    bail!("there is no unprivileged user to run PostgreSQL as")
}

/// Returns a port of the loopback that nobody listens on at this moment.
///
/// # Errors
/// If there is none.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
