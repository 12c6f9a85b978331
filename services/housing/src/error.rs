//! What can go wrong in this service, and what a client learns of it.

use std::{borrow::Cow, time::Duration};

use resido_proto::error::{Failure, Kind, Violation};
use resido_tenancy::{context, db};

/// A failure of a call to the housing service.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields of the request break rules.
    #[error("the request is invalid")]
    Invalid(Vec<Violation>),
    /// What the request names does not exist in this tenant.
    #[error("{0} does not exist")]
    NotFound(&'static str),
    /// The id or the display name is taken.
    #[error("{resource} with this {field} exists already")]
    Exists {
        /// The kind of resource.
        resource: &'static str,
        /// The field that must be unique.
        field: &'static str,
    },
    /// The property still has units.
    #[error("the property still has units")]
    InUse,
    /// The resource changed since the caller read it.
    #[error("the resource has changed since its etag was read")]
    EtagMismatch,
    /// The call's context does not allow it.
    #[error("the context was refused")]
    Context(#[from] context::Error),
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] db::Error),
}

impl Failure for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Invalid(_) => Kind::InvalidArgument,
            Self::NotFound(_) => Kind::NotFound,
            Self::Exists { .. } => Kind::AlreadyExists,
            Self::InUse => Kind::FailedPrecondition,
            Self::EtagMismatch => Kind::Aborted,
            Self::Context(error) => error.kind(),
            Self::Database(error) => error.kind(),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "REQUEST_INVALID",
            Self::NotFound(_) => "RESOURCE_NOT_FOUND",
            Self::Exists { .. } => "RESOURCE_EXISTS",
            Self::InUse => "RESOURCE_IN_USE",
            Self::EtagMismatch => "ETAG_MISMATCH",
            Self::Context(error) => error.reason(),
            Self::Database(error) => error.reason(),
        }
    }

    fn public_message(&self) -> Cow<'_, str> {
        match self {
            Self::Context(error) => error.public_message(),
            Self::Database(error) => error.public_message(),
            own => own.to_string().into(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Context(error) => error.retry_after(),
            Self::Database(error) => error.retry_after(),
            _ => None,
        }
    }

    fn violations(&self) -> &[Violation] {
        match self {
            Self::Invalid(violations) => violations,
            _ => &[],
        }
    }
}

impl From<Vec<Violation>> for Error {
    fn from(violations: Vec<Violation>) -> Self {
        Self::Invalid(violations)
    }
}
