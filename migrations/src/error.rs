//! What can go wrong with migrations.

use std::{borrow::Cow, path::PathBuf, time::Duration};

use resido_proto::error::{Failure, Kind};
use resido_tenancy::{db, tenant::InvalidIdentifier};

use crate::Dependent;

/// A migration, or the preparation of a database, failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The files do not make a set; all faults at once.
    #[error("the migration files are wrong:\n{}", .0.join("\n"))]
    Files(Vec<String>),
    /// A file or folder cannot be read or written.
    #[error("cannot use {}", path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A name cannot be that of a migration or a database.
    #[error("`{0}` cannot be used as a name: it takes a-z, 0-9 and _")]
    Name(String),
    /// A file was changed after it was applied.
    #[error("{set} migration {version} was changed after it was applied")]
    Changed {
        /// Which set.
        set: &'static str,
        /// Which file.
        version: i64,
    },
    /// The database is newer than this program.
    #[error("{set} migration {version} was applied, but is not among the files")]
    Ahead {
        /// Which set.
        set: &'static str,
        /// Which file.
        version: i64,
    },
    /// Another process migrates.
    #[error("another process is migrating")]
    Locked,
    /// Something outside a tenant's schema would go with it.
    #[error("{total} objects outside the tenant's schema depend on it")]
    Dependents {
        /// How many.
        total: i64,
        /// The first hundred.
        named: Vec<Dependent>,
    },
    /// A statement of a file failed.
    #[error("migration {version} ({name}) failed")]
    Failed {
        /// Which file.
        version: i64,
        /// Its name.
        name: String,
        /// Why.
        source: db::Error,
    },
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] db::Error),
    /// The administrator's connection failed.
    #[error("the database cannot be prepared")]
    Prepare(#[from] tokio_postgres::Error),
    /// The server is too old.
    #[error("PostgreSQL {0} is too old: 15 or later is needed")]
    TooOld(String),
}

impl From<InvalidIdentifier> for Error {
    fn from(_: InvalidIdentifier) -> Self {
        Self::Name("the database".to_owned())
    }
}

impl Error {
    /// Returns the SQLSTATE behind the error, if there is one.
    #[must_use]
    pub fn sqlstate(&self) -> Option<&str> {
        match self {
            Self::Failed { source, .. } | Self::Database(source) => source.sqlstate(),
            _ => None,
        }
    }

    fn database(&self) -> Option<&db::Error> {
        match self {
            // What a file does wrong is a fault of ours, whatever its SQLSTATE.
            Self::Failed {
                source: source @ db::Error::Away(_),
                ..
            }
            | Self::Database(source) => Some(source),
            _ => None,
        }
    }
}

impl Failure for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Locked => Kind::Unavailable,
            Self::Dependents { .. } => Kind::FailedPrecondition,
            other => other.database().map_or(Kind::Internal, Failure::kind),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Locked => "MIGRATION_RUNNING",
            Self::Dependents { .. } => "TENANT_HAS_DEPENDENTS",
            other => other.database().map_or("INTERNAL", Failure::reason),
        }
    }

    fn public_message(&self) -> Cow<'_, str> {
        match self {
            Self::Locked => "a migration is running; try again".into(),
            // How many, and no names: these are of the database's inside.
            Self::Dependents { .. } => self.to_string().into(),
            other => other.database().map_or(
                Cow::Borrowed("an internal error occurred"),
                Failure::public_message,
            ),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Locked => Some(Duration::from_secs(1)),
            other => other.database().and_then(Failure::retry_after),
        }
    }
}
