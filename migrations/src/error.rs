//! What can go wrong with migrations.

use std::{borrow::Cow, path::PathBuf, time::Duration};

use resido_proto::{
    error::{Failure, Invalid, Kind, Violation},
    ids::TenantId,
};
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
    /// A file is missing that is older than one that was applied.
    #[error("{set} migration {version} is missing, and later ones were applied")]
    Gap {
        /// Which set.
        set: &'static str,
        /// Which file.
        version: i64,
    },
    /// A file ended as another role or in another schema than it began.
    #[error("migration {0} left its tenant")]
    Strayed(i64),
    /// There is no file that undoes this one.
    #[error("migration {0} has no file that undoes it")]
    NoWayBack(i64),
    /// An index was built and is not valid.
    #[error("migration {version} left the index `{index}` invalid")]
    InvalidIndex {
        /// Which file.
        version: i64,
        /// Its name.
        index: String,
    },
    /// An old transaction would keep an index from being built.
    #[error("process {pid} (`{tag}`) has had a transaction open for {seconds} s")]
    OldSnapshot {
        /// The server's process.
        pid: i32,
        /// What the connection calls itself; it names a tenant's schema.
        tag: String,
        /// How long already.
        seconds: i64,
    },
    /// The run cannot be gone on with, or undone.
    #[error("{0}")]
    Run(&'static str),
    /// A tenant that was named is not in service.
    #[error("tenant {id} is {}", .state.as_deref().unwrap_or("unknown"))]
    NotServed {
        /// Which one.
        id: TenantId,
        /// Its state, if there is such a tenant.
        state: Option<String>,
    },
    /// What is kept of a run cannot be read.
    #[error("the {0} of a run cannot be read")]
    Stored(&'static str),
    /// What is asked of a run makes no sense.
    #[error(transparent)]
    Invalid(#[from] Invalid),
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

    /// Returns the error with all its causes, for operators: it may name what is
    /// inside a schema.
    #[must_use]
    pub fn in_full(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        text
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
            Self::NotServed { state: None, .. } => Kind::NotFound,
            Self::NotServed { .. }
            | Self::Dependents { .. }
            | Self::NoWayBack(_)
            | Self::Run(_) => Kind::FailedPrecondition,
            Self::Invalid(invalid) => invalid.kind(),
            other => other.database().map_or(Kind::Internal, Failure::kind),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Locked => "MIGRATION_RUNNING",
            Self::Dependents { .. } => "TENANT_HAS_DEPENDENTS",
            Self::Run(_) => "MIGRATION_RUN_STATE",
            Self::Changed { .. } => "MIGRATION_CHANGED",
            Self::Gap { .. } => "MIGRATION_GAP",
            Self::Ahead { .. } => "MIGRATION_AHEAD",
            Self::Strayed(_) => "MIGRATION_STRAYED",
            Self::NoWayBack(_) => "MIGRATION_NO_WAY_BACK",
            Self::InvalidIndex { .. } => "INDEX_INVALID",
            Self::OldSnapshot { .. } => "OLD_SNAPSHOT",
            Self::NotServed { state: None, .. } => "RESOURCE_NOT_FOUND",
            Self::NotServed { .. } => "TENANT_STATE",
            Self::Invalid(invalid) => invalid.reason(),
            other => other.database().map_or("INTERNAL", Failure::reason),
        }
    }

    fn public_message(&self) -> Cow<'_, str> {
        match self {
            Self::Locked => "a migration is running; try again".into(),
            // How many, and no names: these are of the database's inside.
            Self::Dependents { .. }
            | Self::NotServed { .. }
            | Self::NoWayBack(_)
            | Self::Run(_) => self.to_string().into(),
            Self::Invalid(invalid) => invalid.public_message(),
            other => other.database().map_or(
                Cow::Borrowed("an internal error occurred"),
                Failure::public_message,
            ),
        }
    }

    fn violations(&self) -> &[Violation] {
        match self {
            Self::Invalid(invalid) => invalid.violations(),
            _ => &[],
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Locked => Some(Duration::from_secs(1)),
            other => other.database().and_then(Failure::retry_after),
        }
    }
}
