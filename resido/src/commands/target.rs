//! The database that a command works on.

use anyhow::{Context as _, Result, bail};
use resido_observability::Metrics;
use resido_tenancy::db::PublicDatabase;
use secrecy::{ExposeSecret as _, SecretString};

use crate::{
    cli::{Database, Login},
    data_dir::DataDir,
    logins::{self, DATABASE},
    postgres::{self, NO_DATABASE, Options, Server},
    progress::Progress,
    settings::Settings,
    terminal,
};

/// What a command wants of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To see what is there. Nothing is made.
    Look,
    /// To change it. What is missing is made.
    Change,
}

/// The database, and the embedded server if it was started for this command.
pub(super) struct Target {
    pub(super) db: PublicDatabase,
    server: Option<Server>,
}

impl Target {
    /// Reaches the database: by the login's URL, by an administrator's, or the
    /// embedded one, which is started if it does not run.
    pub(super) async fn open(
        database: &Database,
        login: Option<&SecretString>,
        settings: &Settings,
        purpose: Purpose,
    ) -> Result<Self> {
        let (url, server) = match login {
            Some(url) => (url.clone(), None),
            None if purpose == Purpose::Look => look(database).await?,
            None => reach(database).await?,
        };
        let db = PublicDatabase::new(settings.database.control(url), Metrics::default())?;
        Ok(Self { db, server })
    }

    /// Stops the server if it was started for this command; no connection is opened
    /// any more.
    pub(super) async fn close(self) -> Result<()> {
        self.db.close();
        drop(self.db);
        match self.server {
            Some(server) => server.stop().await,
            None => Ok(()),
        }
    }
}

/// Finds the login, without making anything.
async fn look(flags: &Database) -> Result<(SecretString, Option<Server>)> {
    let dir = DataDir::find(&flags.data_dir)?;
    if let Some(url) = &flags.database_url {
        let urls = logins::find(dir.as_ref(), url.expose_secret()).await?;
        return Ok((urls.control, None));
    }
    let dir = dir.context(NO_DATABASE)?;
    if !postgres::exists(dir.path()) {
        bail!(NO_DATABASE);
    }
    if let Some(url) = running(&dir)? {
        return Ok((url, None));
    }
    let password = logins::control_password(&dir)?.context(NO_DATABASE)?;
    let server = start(&dir, flags).await?;
    let url = server.url(&logins::control_user(), &password, DATABASE);
    Ok((SecretString::from(url), Some(server)))
}

/// Finds the login, or makes it.
async fn reach(flags: &Database) -> Result<(SecretString, Option<Server>)> {
    let dir = DataDir::open(&flags.data_dir)?;
    if let Some(url) = &flags.database_url {
        let urls = logins::ensure(&dir, url.expose_secret()).await?;
        return Ok((urls.control, None));
    }
    if let Some(url) = running(&dir)? {
        return Ok((url, None));
    }
    let server = start(&dir, flags).await?;
    server.ensure_database(DATABASE).await?;
    let urls = logins::set(&dir, &server.admin_url(DATABASE)).await?;
    Ok((urls.control, Some(server)))
}

/// Returns the URL of the embedded database if another process runs it.
fn running(dir: &DataDir) -> Result<Option<SecretString>> {
    let url = logins::embedded_url(dir, Login::Control)?.filter(|_| dir.is_locked());
    Ok(url.map(SecretString::from))
}

async fn start(dir: &DataDir, flags: &Database) -> Result<Server> {
    Server::start(Options {
        pg_bin: flags.pg_bin.clone(),
        progress: Progress::new(terminal::note),
        ..Options::new(dir.path())
    })
    .await
}
