//! One error model for the whole product.
//!
//! Each crate has an error type of its own; what a client may learn of it goes
//! through [`Failure`]: a [`Kind`] out of a closed set, a `reason` that has a
//! page in `docs/errors/`, and a public message. Everything else in an error is
//! for the logs alone.

use std::{borrow::Cow, collections::HashMap, error::Error, time::Duration};

use tonic::{Code, Status};
use tonic_types::{BadRequest, ErrorDetail, ErrorInfo, FieldViolation, RetryInfo, StatusExt as _};

/// `domain` of every `google.rpc.ErrorInfo` we make.
pub const DOMAIN: &str = "resido";

/// What sort of failure it is: the closed set that maps to gRPC and HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The request cannot be understood or breaks a rule by itself.
    InvalidArgument,
    /// No credential, or not a good one.
    Unauthenticated,
    /// The caller may not do this.
    PermissionDenied,
    /// What the request names does not exist, or not for this caller.
    NotFound,
    /// It exists already.
    AlreadyExists,
    /// The state of the system forbids it.
    FailedPrecondition,
    /// It lies beyond what there is, or is any more.
    OutOfRange,
    /// Something changed meanwhile; reading again and retrying may help.
    Aborted,
    /// A limit is used up.
    ResourceExhausted,
    /// There is no such method.
    Unimplemented,
    /// Cannot be served at present; retrying may help.
    Unavailable,
    /// The time was not enough.
    DeadlineExceeded,
    /// The caller went away.
    Cancelled,
    /// A fault of ours.
    Internal,
    /// It is not known whether the change took place.
    Unknown,
}

impl Kind {
    /// Returns the gRPC code.
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Self::InvalidArgument => Code::InvalidArgument,
            Self::Unauthenticated => Code::Unauthenticated,
            Self::PermissionDenied => Code::PermissionDenied,
            Self::NotFound => Code::NotFound,
            Self::AlreadyExists => Code::AlreadyExists,
            Self::FailedPrecondition => Code::FailedPrecondition,
            Self::OutOfRange => Code::OutOfRange,
            Self::Aborted => Code::Aborted,
            Self::ResourceExhausted => Code::ResourceExhausted,
            Self::Unimplemented => Code::Unimplemented,
            Self::Unavailable => Code::Unavailable,
            Self::DeadlineExceeded => Code::DeadlineExceeded,
            Self::Cancelled => Code::Cancelled,
            Self::Internal => Code::Internal,
            Self::Unknown => Code::Unknown,
        }
    }

    /// Whether a person of ours must hear of it: the fault is not the caller's.
    #[must_use]
    pub const fn is_fault(self) -> bool {
        matches!(self, Self::Internal | Self::Unknown)
    }
}

/// Returns the HTTP status of a gRPC code, for callers who speak REST.
///
/// *Source*: the mapping that `google/rpc/code.proto` states beside each code.
#[must_use]
pub const fn http_status(code: Code) -> u16 {
    match code {
        Code::Ok => 200,
        Code::Cancelled => 499,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => 400,
        Code::DeadlineExceeded => 504,
        Code::NotFound => 404,
        Code::AlreadyExists | Code::Aborted => 409,
        Code::PermissionDenied => 403,
        Code::ResourceExhausted => 429,
        Code::Unimplemented => 501,
        Code::Unavailable => 503,
        Code::Unauthenticated => 401,
        Code::Unknown | Code::Internal | Code::DataLoss => 500,
    }
}

/// A field of a request that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field as the proto spells it, such as `property.display_name`.
    pub field: Cow<'static, str>,
    /// What is wrong, for a person.
    pub description: Cow<'static, str>,
}

impl Violation {
    /// Says what is wrong with a field.
    pub fn new(
        field: impl Into<Cow<'static, str>>,
        description: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            field: field.into(),
            description: description.into(),
        }
    }
}

/// An error that a client may meet.
pub trait Failure: Error {
    /// Returns what sort of failure it is.
    fn kind(&self) -> Kind;

    /// Returns the reason, in `SCREAMING_SNAKE` case; `docs/errors/` has a page
    /// for each.
    fn reason(&self) -> &'static str;

    /// Returns the only text that a client sees: no SQL, no names of files or
    /// hosts, nothing secret.
    fn public_message(&self) -> Cow<'_, str>;

    /// Returns after how long a retry may help, if it may at all.
    fn retry_after(&self) -> Option<Duration> {
        None
    }

    /// Returns the fields that break a rule, all of them at once.
    fn violations(&self) -> &[Violation] {
        &[]
    }

    /// Returns further facts for programs, as `google.rpc.ErrorInfo.metadata`.
    fn metadata(&self) -> Vec<(String, String)> {
        Vec::new()
    }
}

/// A request whose fields break rules: for services without errors of their own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the request is invalid")]
pub struct Invalid(pub Vec<Violation>);

impl Failure for Invalid {
    fn kind(&self) -> Kind {
        Kind::InvalidArgument
    }

    fn reason(&self) -> &'static str {
        "REQUEST_INVALID"
    }

    fn public_message(&self) -> Cow<'_, str> {
        self.to_string().into()
    }

    fn violations(&self) -> &[Violation] {
        &self.0
    }
}

/// Turns a failure into the status a client receives, with `ErrorInfo` and, as
/// far as it has them, `BadRequest` and `RetryInfo` in its details.
#[must_use]
pub fn to_status(failure: &dyn Failure) -> Status {
    Status::with_error_details_vec(
        failure.kind().code(),
        failure.public_message().into_owned(),
        details(failure),
    )
}

/// Lists a failure's details, `ErrorInfo` first: clients look for it there.
fn details(failure: &dyn Failure) -> Vec<ErrorDetail> {
    let facts: HashMap<_, _> = failure.metadata().into_iter().collect();
    let mut details = vec![ErrorInfo::new(failure.reason(), DOMAIN, facts).into()];
    let violations = failure.violations();
    if !violations.is_empty() {
        let violations = violations.iter().map(|violation| {
            let field = violation.field.clone().into_owned();
            FieldViolation::new(field, violation.description.clone().into_owned())
        });
        details.push(BadRequest::new(violations.collect::<Vec<_>>()).into());
    }
    if let Some(delay) = failure.retry_after() {
        details.push(RetryInfo::new(Some(delay)).into());
    }
    details
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the row of table secret was locked")]
    struct Busy(Vec<Violation>);

    impl Failure for Busy {
        fn kind(&self) -> Kind {
            Kind::Unavailable
        }
        fn reason(&self) -> &'static str {
            "BUSY"
        }
        fn public_message(&self) -> Cow<'_, str> {
            "try again".into()
        }
        fn retry_after(&self) -> Option<Duration> {
            Some(Duration::from_secs(2))
        }
        fn violations(&self) -> &[Violation] {
            &self.0
        }
        fn metadata(&self) -> Vec<(String, String)> {
            vec![("state".into(), "locked".into())]
        }
    }

    #[test]
    fn a_client_sees_the_public_side_alone() {
        let status = to_status(&Busy(vec![Violation::new("a.b", "is required")]));
        assert_eq!(status.code(), Code::Unavailable);
        assert_eq!(status.message(), "try again");
        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!(
            (info.reason.as_str(), info.domain.as_str()),
            ("BUSY", "resido")
        );
        assert_eq!(info.metadata["state"], "locked");
        assert_eq!(
            details.retry_info().unwrap().retry_delay,
            Some(Duration::from_secs(2))
        );
        assert_eq!(
            details.bad_request().unwrap().field_violations[0].field,
            "a.b"
        );
        assert!(!format!("{status:?}").contains("secret"));
    }
}
