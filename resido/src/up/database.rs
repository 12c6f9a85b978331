//! The database that everything runs on: our own, or one that was named.

use std::future;

use anyhow::{Error, Result};

use super::UpOptions;
use crate::{
    data_dir::{DataDir, Lock},
    logins::{self, DATABASE, Urls},
    postgres,
};

/// The embedded server, or the lock on the directory that keeps the passwords.
#[derive(Debug)]
pub(super) enum Database {
    Embedded(Box<postgres::Server>),
    Given(#[expect(dead_code, reason = "held, not looked at")] Lock),
}

impl Database {
    /// Starts the server, or takes the directory; makes the two logins where they
    /// are not there.
    pub(super) async fn open(options: &UpOptions, dir: &DataDir) -> Result<(Self, Urls)> {
        if let Some(urls) = &options.logins {
            return Ok((Self::Given(dir.lock()?), urls.clone()));
        }
        if let Some(url) = &options.database_url {
            let lock = dir.lock()?;
            let urls = logins::ensure(dir, url).await?;
            return Ok((Self::Given(lock), urls));
        }
        let server = postgres::Server::start(postgres::Options {
            data_dir: dir.path().to_owned(),
            pg_bin: options.pg_bin.clone(),
            durable: options.durable,
            progress: options.progress.clone(),
        });
        let server = Box::new(server.await?);
        server.ensure_database(DATABASE).await?;
        let urls = logins::set(dir, &server.admin_url(DATABASE)).await?;
        Ok((Self::Embedded(server), urls))
    }

    /// Keeps the embedded server running, and returns why that was given up. One
    /// that was named is not watched: its absence is an error of each call.
    pub(super) async fn failed(&mut self) -> Error {
        match self {
            Self::Given(_) => future::pending().await,
            Self::Embedded(server) => server.keep().await,
        }
    }

    pub(super) async fn stop(self) -> Result<()> {
        match self {
            Self::Embedded(server) => server.stop().await,
            Self::Given(_) => Ok(()),
        }
    }
}
