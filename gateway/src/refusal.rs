//! Why the gateway itself refuses a call, and what the caller learns of it.

use std::{borrow::Cow, time::Duration};

use http::{Method, StatusCode};
use resido_proto::error::{Failure, Kind, Violation, http_status};
use resido_tenancy::tenant::MAINTENANCE_RETRY;
use tonic::Status;

/// A call that the gateway does not carry out.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("there is no such path")]
    RouteNotFound,
    #[error("the path does not take this HTTP method")]
    MethodNotAllowed(Vec<Method>),
    #[error("there is no such method")]
    MethodUnknown,
    #[error("the path is malformed: {0}")]
    PathInvalid(&'static str),
    #[error("the URI has more than 8 KiB")]
    UriTooLong,
    #[error("gRPC needs HTTP/2")]
    ProtocolUnsupported,
    #[error("the request is malformed: {0}")]
    Malformed(&'static str),
    #[error("the request is invalid")]
    Invalid(Vec<Violation>),
    #[error("the content type or encoding is not supported")]
    MediaTypeUnsupported,
    #[error("the body is larger than the limit")]
    BodyTooLarge,
    #[error("the body did not arrive in time")]
    BodyTimeout,
    #[error("the call needs a credential")]
    CredentialRequired,
    #[error("the credential is not valid")]
    CredentialInvalid,
    #[error("the tenant selector is malformed")]
    SelectorInvalid,
    #[error("the call needs a tenant")]
    TenantRequired,
    #[error("the tenant is not accessible")]
    TenantDenied,
    #[error("the call names different tenants")]
    TenantMismatch,
    #[error("the tenant is suspended")]
    TenantSuspended,
    #[error("the tenant is closed for maintenance")]
    TenantMaintenance,
    #[error("the tenant is read-only at present")]
    TenantReadOnly,
    #[error("the caller may not use this method")]
    RoleRequired,
    #[error("the method is closed")]
    MethodClosed,
    #[error("the timeout cannot be read")]
    DeadlineInvalid,
    #[error("the deadline is over")]
    DeadlineExceeded,
    #[error("the service cannot be reached")]
    UpstreamUnavailable,
    #[error("the service gave an answer that cannot be understood")]
    UpstreamInvalid,
    #[error("the gateway is at its limit")]
    Overloaded,
    #[error("the gateway has not heard from the control plane yet")]
    NotReady,
    #[error("an internal error occurred")]
    Internal,
}

impl Refusal {
    /// Returns the HTTP status of a REST answer.
    pub(crate) fn http_status(&self) -> StatusCode {
        match self {
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::UriTooLong => StatusCode::URI_TOO_LONG,
            Self::ProtocolUnsupported => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::MediaTypeUnsupported => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::UpstreamInvalid => StatusCode::BAD_GATEWAY,
            other => StatusCode::from_u16(http_status(other.kind().code()))
                .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

impl Failure for Refusal {
    fn kind(&self) -> Kind {
        match self {
            Self::RouteNotFound => Kind::NotFound,
            Self::MethodNotAllowed(_)
            | Self::MethodUnknown
            | Self::ProtocolUnsupported
            | Self::MediaTypeUnsupported => Kind::Unimplemented,
            Self::PathInvalid(_)
            | Self::Malformed(_)
            | Self::Invalid(_)
            | Self::SelectorInvalid
            | Self::TenantRequired
            | Self::DeadlineInvalid => Kind::InvalidArgument,
            Self::UriTooLong | Self::BodyTooLarge => Kind::ResourceExhausted,
            Self::CredentialRequired | Self::CredentialInvalid => Kind::Unauthenticated,
            Self::TenantDenied
            | Self::TenantMismatch
            | Self::TenantSuspended
            | Self::RoleRequired
            | Self::MethodClosed => Kind::PermissionDenied,
            Self::TenantMaintenance
            | Self::TenantReadOnly
            | Self::UpstreamUnavailable
            | Self::Overloaded
            | Self::NotReady => Kind::Unavailable,
            Self::DeadlineExceeded | Self::BodyTimeout => Kind::DeadlineExceeded,
            Self::UpstreamInvalid | Self::Internal => Kind::Internal,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::RouteNotFound => "ROUTE_NOT_FOUND",
            Self::MethodNotAllowed(_) => "METHOD_NOT_ALLOWED",
            Self::MethodUnknown => "METHOD_UNKNOWN",
            Self::PathInvalid(_) => "PATH_INVALID",
            Self::UriTooLong => "URI_TOO_LONG",
            Self::ProtocolUnsupported => "PROTOCOL_UNSUPPORTED",
            Self::Malformed(_) | Self::Invalid(_) => "REQUEST_INVALID",
            Self::MediaTypeUnsupported => "MEDIA_TYPE_UNSUPPORTED",
            Self::BodyTooLarge => "BODY_TOO_LARGE",
            Self::BodyTimeout => "BODY_TIMEOUT",
            Self::CredentialRequired => "CREDENTIAL_REQUIRED",
            Self::CredentialInvalid => "CREDENTIAL_INVALID",
            Self::SelectorInvalid => "TENANT_SELECTOR_INVALID",
            Self::TenantRequired => "TENANT_REQUIRED",
            Self::TenantDenied => "TENANT_DENIED",
            Self::TenantMismatch => "TENANT_MISMATCH",
            Self::TenantSuspended => "TENANT_SUSPENDED",
            Self::TenantMaintenance => "TENANT_MAINTENANCE",
            Self::TenantReadOnly => "TENANT_READ_ONLY",
            Self::RoleRequired => "ROLE_REQUIRED",
            Self::MethodClosed => "METHOD_CLOSED",
            Self::DeadlineInvalid => "DEADLINE_INVALID",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::UpstreamUnavailable => "UPSTREAM_UNAVAILABLE",
            Self::UpstreamInvalid => "UPSTREAM_INVALID",
            Self::Overloaded => "OVERLOADED",
            Self::NotReady => "NOT_READY",
            Self::Internal => "INTERNAL",
        }
    }

    fn public_message(&self) -> Cow<'_, str> {
        self.to_string().into()
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TenantMaintenance | Self::TenantReadOnly => Some(MAINTENANCE_RETRY),
            _ => (self.kind() == Kind::Unavailable).then(|| Duration::from_secs(1)),
        }
    }

    fn violations(&self) -> &[Violation] {
        match self {
            Self::Invalid(violations) => violations,
            _ => &[],
        }
    }
}

/// Why a call ends without the message its caller hoped for.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// The gateway refused it.
    Refused(Refusal),
    /// The service answered with a status, which a REST caller gets as JSON.
    Answered(Box<Status>),
}

impl From<Refusal> for Stopped {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_have_the_statuses_of_the_table() {
        for (refusal, status) in [
            (Refusal::RouteNotFound, 404),
            (Refusal::MethodNotAllowed(Vec::new()), 405),
            (Refusal::Malformed("x"), 400),
            (Refusal::MediaTypeUnsupported, 415),
            (Refusal::BodyTooLarge, 413),
            (Refusal::UriTooLong, 414),
            (Refusal::CredentialRequired, 401),
            (Refusal::TenantDenied, 403),
            (Refusal::TenantSuspended, 403),
            (Refusal::TenantMaintenance, 503),
            (Refusal::UpstreamUnavailable, 503),
            (Refusal::DeadlineExceeded, 504),
            (Refusal::UpstreamInvalid, 502),
            (Refusal::ProtocolUnsupported, 505),
        ] {
            assert_eq!(refusal.http_status().as_u16(), status, "{refusal:?}");
        }
    }

    #[test]
    fn only_what_passes_asks_for_a_retry() {
        assert!(Refusal::Overloaded.retry_after().is_some());
        assert!(Refusal::TenantDenied.retry_after().is_none());
    }
}
