//! The database that a command works on.

use anyhow::Result;
use resido_observability::Metrics;
use resido_tenancy::db::PublicDatabase;
use secrecy::SecretString;

use crate::{
    cli::{Database, MigrateTarget},
    data_dir::DataDir,
    logins::{self, DATABASE},
    postgres::{Options, Server},
    progress::Progress,
    settings::Settings,
    terminal,
};

/// The database, and the embedded server if it was started for this command.
pub(super) struct Target {
    pub(super) db: PublicDatabase,
    server: Option<Server>,
}

impl Target {
    /// Reaches the database: by the login's URL, by an administrator's, or the
    /// embedded one, which is started if it does not run.
    pub(super) async fn open(flags: &MigrateTarget, settings: &Settings) -> Result<Self> {
        let (url, server) = match &flags.control_database_url {
            Some(url) => (SecretString::from(url.as_str()), None),
            None => reach(&flags.database).await?,
        };
        let db = PublicDatabase::new(settings.database.control(url), Metrics::default())?;
        Ok(Self { db, server })
    }

    pub(super) async fn close(self) -> Result<()> {
        drop(self.db);
        match self.server {
            Some(server) => server.stop().await,
            None => Ok(()),
        }
    }
}

async fn reach(flags: &Database) -> Result<(SecretString, Option<Server>)> {
    let dir = DataDir::open(&flags.data_dir)?;
    if let Some(url) = &flags.database_url {
        return Ok((logins::prepare(&dir, url).await?.control, None));
    }
    if let Some(url) = logins::embedded_url(&dir)?.filter(|_| dir.is_locked()) {
        return Ok((SecretString::from(url), None));
    }
    let server = Server::start(Options {
        pg_bin: flags.pg_bin.clone(),
        progress: Progress::new(terminal::note),
        ..Options::new(dir.path())
    });
    let server = server.await?;
    server.ensure_database(DATABASE).await?;
    let urls = logins::prepare(&dir, &server.admin_url(DATABASE)).await?;
    Ok((urls.control, Some(server)))
}
