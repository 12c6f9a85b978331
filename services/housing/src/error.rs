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
    /// Others depend on the resource.
    #[error("{resource} still has {users}")]
    InUse {
        /// The kind of resource.
        resource: &'static str,
        /// What depends on it.
        users: &'static str,
    },
    /// The idempotency key was used for something else.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The unit is let already.
    #[error("another lease of the unit covers some of these days")]
    LeaseOverlap,
    /// The work order has gone too far, or not far enough.
    #[error("a work order that is {0} does not allow this")]
    WorkOrderState(&'static str),
    /// What came after the token is not known any more.
    #[error("the resume token is too old")]
    ResumeTokenExpired,
    /// Too many streams are open.
    #[error("too many streams of work orders are open")]
    WatchBusy,
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
            Self::Exists { .. } | Self::KeyReused => Kind::AlreadyExists,
            Self::InUse { .. } | Self::LeaseOverlap | Self::WorkOrderState(_) => {
                Kind::FailedPrecondition
            }
            Self::ResumeTokenExpired => Kind::OutOfRange,
            Self::WatchBusy => Kind::ResourceExhausted,
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
            Self::InUse { .. } => "RESOURCE_IN_USE",
            Self::KeyReused => "IDEMPOTENCY_KEY_REUSED",
            Self::LeaseOverlap => "LEASE_OVERLAP",
            Self::WorkOrderState(_) => "WORK_ORDER_STATE",
            Self::ResumeTokenExpired => "RESUME_TOKEN_EXPIRED",
            Self::WatchBusy => "WATCH_BUSY",
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
            Self::WatchBusy => Some(Duration::from_secs(5)),
            _ => None,
        }
    }

    fn metadata(&self) -> Vec<(String, String)> {
        match self {
            Self::WorkOrderState(state) => vec![("state".to_owned(), (*state).to_owned())],
            _ => Vec::new(),
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
