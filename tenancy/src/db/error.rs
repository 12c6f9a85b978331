//! What can go wrong with the database, and what a client learns of it.

use std::{borrow::Cow, time::Duration};

use resido_proto::error::{Failure, Kind};
use tokio_postgres::error::SqlState;

use super::SchemaVersions;
use crate::tenant::MAINTENANCE_RETRY;

/// When to come back to a tenant that is being upgraded: a migration of one takes
/// less, a rollout of a program more.
const UPGRADE_WAIT: Duration = Duration::from_secs(2);

/// A failure of the database or of a transaction.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL cannot be used.
    #[error("the database URL is wrong or names no database")]
    Url {
        /// What the parser said.
        source: Option<tokio_postgres::Error>,
    },
    /// The server's certificate cannot be checked.
    #[error("TLS to the database cannot be set up")]
    Tls(#[source] rustls::Error),
    /// The database cannot be reached, or the connection broke before anything
    /// was done.
    #[error("the database is away")]
    Away(#[source] Option<tokio_postgres::Error>),
    /// No connection became free in time.
    #[error("no connection became free in time")]
    PoolBusy,
    /// The tenant holds its share of the connections already.
    #[error("the tenant uses its share of the connections")]
    TenantBusy,
    /// The caller's deadline is over.
    #[error("the deadline is over")]
    Deadline,
    /// A statement took longer than it may.
    #[error("a statement took too long")]
    Timeout(#[source] tokio_postgres::Error),
    /// Two transactions were in each other's way.
    #[error("a transaction gave way to another")]
    Conflict(#[source] tokio_postgres::Error),
    /// A constraint of the schema was violated.
    #[error("a constraint was violated")]
    Constraint(#[source] tokio_postgres::Error),
    /// The tenant changed after the context was signed.
    #[error("the tenant has changed since the context was signed")]
    TenantChanged,
    /// The tenant takes no writes at present.
    #[error("the tenant is read-only")]
    ReadOnly,
    /// The tenant is closed for maintenance.
    #[error("the tenant is closed for maintenance")]
    Maintenance,
    /// The schema has a version that this program does not serve.
    #[error("the tenant's schema has version {found}; this program serves {served}")]
    Upgrading {
        /// The schema's.
        found: i64,
        /// What is served.
        served: SchemaVersions,
    },
    /// The opening did not arrive in the tenant's schema under its role.
    #[error("the opening check found another schema or role")]
    CheckFailed,
    /// It is not known whether the transaction took place.
    #[error("the commit was not answered")]
    CommitUnknown(#[source] Option<tokio_postgres::Error>),
    /// The transaction has ended by an earlier error.
    #[error("the transaction has ended")]
    Ended,
    /// The order keys of a row do not fit a page token: a fault of ours.
    #[error("the keys of a row are too long for a page token")]
    KeysTooLong,
    /// The statement or its result is wrong: a fault of ours.
    #[error("a statement failed")]
    Statement(#[source] tokio_postgres::Error),
}

impl Error {
    /// Returns the name of the constraint that was violated.
    #[must_use]
    pub fn constraint(&self) -> Option<&str> {
        match self {
            Self::Constraint(error) => error.as_db_error().and_then(|db| db.constraint()),
            _ => None,
        }
    }

    /// Returns the SQLSTATE that the server sent, if one did.
    #[must_use]
    pub fn sqlstate(&self) -> Option<&str> {
        let (Self::Timeout(error)
        | Self::Conflict(error)
        | Self::Constraint(error)
        | Self::Statement(error)
        | Self::Away(Some(error))
        | Self::CommitUnknown(Some(error))
        | Self::Url {
            source: Some(error),
        }) = self
        else {
            return None;
        };
        error.code().map(SqlState::code)
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(code) = error.code() else {
            let broken = error.is_closed() || has_io_source(&error);
            return if broken {
                Self::Away(Some(error))
            } else {
                Self::Statement(error)
            };
        };
        match code.code().get(..2).unwrap_or_default() {
            "23" => Self::Constraint(error),
            "08" | "53" => Self::Away(Some(error)),
            _ if *code == SqlState::T_R_SERIALIZATION_FAILURE
                || *code == SqlState::T_R_DEADLOCK_DETECTED
                || *code == SqlState::LOCK_NOT_AVAILABLE =>
            {
                Self::Conflict(error)
            }
            _ if *code == SqlState::QUERY_CANCELED => Self::Timeout(error),
            _ if *code == SqlState::ADMIN_SHUTDOWN
                || *code == SqlState::CRASH_SHUTDOWN
                || *code == SqlState::CANNOT_CONNECT_NOW =>
            {
                Self::Away(Some(error))
            }
            _ => Self::Statement(error),
        }
    }
}

fn has_io_source(error: &tokio_postgres::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if error.is::<std::io::Error>() {
            return true;
        }
        cause = error.source();
    }
    false
}

impl Failure for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Away(_)
            | Self::PoolBusy
            | Self::ReadOnly
            | Self::Maintenance
            | Self::Upgrading { .. } => Kind::Unavailable,
            Self::TenantBusy => Kind::ResourceExhausted,
            Self::Deadline | Self::Timeout(_) => Kind::DeadlineExceeded,
            Self::Conflict(_) | Self::TenantChanged => Kind::Aborted,
            Self::Constraint(_) => Kind::FailedPrecondition,
            Self::CommitUnknown(_) => Kind::Unknown,
            Self::Url { .. }
            | Self::Tls(_)
            | Self::CheckFailed
            | Self::Ended
            | Self::KeysTooLong
            | Self::Statement(_) => Kind::Internal,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Away(_) => "DATABASE_UNAVAILABLE",
            Self::PoolBusy => "DATABASE_BUSY",
            Self::TenantBusy => "TENANT_BUSY",
            Self::Deadline | Self::Timeout(_) => "DEADLINE_EXCEEDED",
            Self::Conflict(_) => "CONFLICT",
            Self::TenantChanged => "TENANT_CHANGED",
            Self::ReadOnly => "TENANT_READ_ONLY",
            Self::Maintenance => "TENANT_MAINTENANCE",
            Self::Upgrading { .. } => "TENANT_UPGRADING",
            Self::Constraint(_) => "CONSTRAINT_VIOLATED",
            Self::CommitUnknown(_) => "COMMIT_UNKNOWN",
            Self::Url { .. }
            | Self::Tls(_)
            | Self::CheckFailed
            | Self::Ended
            | Self::KeysTooLong
            | Self::Statement(_) => "INTERNAL",
        }
    }

    fn public_message(&self) -> Cow<'_, str> {
        match self {
            Self::Away(_) => "the database cannot be reached at present",
            Self::PoolBusy => "too many calls are waiting for the database",
            Self::TenantBusy => "too many calls of this tenant are waiting for the database",
            Self::Deadline | Self::Timeout(_) => "the call took longer than it may",
            Self::Conflict(_) => "another change was in the way; try again",
            Self::TenantChanged => "the tenant has changed meanwhile; try again",
            Self::ReadOnly => "the tenant is read-only during maintenance",
            Self::Maintenance => "the tenant is closed for maintenance",
            Self::Upgrading { .. } => "the tenant is being upgraded; try again",
            Self::Constraint(_) => "the change breaks a rule of the data",
            Self::CommitUnknown(_) => "it is not known whether the change took place",
            Self::Url { .. }
            | Self::Tls(_)
            | Self::CheckFailed
            | Self::Ended
            | Self::KeysTooLong
            | Self::Statement(_) => "an internal error occurred",
        }
        .into()
    }

    fn retry_after(&self) -> Option<Duration> {
        match (self, self.kind()) {
            (Self::Upgrading { .. }, _) => Some(UPGRADE_WAIT),
            (Self::ReadOnly | Self::Maintenance, _) => Some(MAINTENANCE_RETRY),
            (_, Kind::Unavailable | Kind::ResourceExhausted) => Some(Duration::from_secs(1)),
            _ => None,
        }
    }
}
