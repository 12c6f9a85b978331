//! Why a context is refused.

use std::borrow::Cow;

use resido_proto::error::{Failure, Kind};

/// A context is missing, not to be trusted, or not enough for the call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The call came without a context: not through the gateway.
    #[error("the call has no context")]
    Missing,
    /// The call came with several contexts.
    #[error("the call has several contexts")]
    Repeated,
    /// The context is not one of the gateway's, or not for this service.
    #[error("the context is not valid")]
    Invalid(#[source] jsonwebtoken::errors::Error),
    /// The context breaks a rule that its signature does not show.
    #[error("the context breaks a rule: {0}")]
    Malformed(&'static str),
    /// The call needs a tenant and the context names none.
    #[error("the context names no tenant")]
    NoTenant,
    /// The call is for platform staff.
    #[error("the context is not that of platform staff")]
    NotPlatform,
    /// The call is for other parts of the product.
    #[error("the context is not that of a part of the product")]
    NotInternal,
    /// The caller lacks the roles, or the permission, of the method.
    #[error("the context lacks the roles or the permission of the method")]
    NotAllowed,
}

impl Failure for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Missing | Self::Repeated | Self::Invalid(_) | Self::Malformed(_) => {
                Kind::Unauthenticated
            }
            Self::NoTenant | Self::NotPlatform | Self::NotInternal | Self::NotAllowed => {
                Kind::PermissionDenied
            }
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Missing => "CONTEXT_REQUIRED",
            Self::Repeated | Self::Invalid(_) | Self::Malformed(_) => "CONTEXT_INVALID",
            Self::NoTenant => "TENANT_DENIED",
            Self::NotPlatform | Self::NotInternal | Self::NotAllowed => "ROLE_REQUIRED",
        }
    }

    fn public_message(&self) -> Cow<'_, str> {
        match self {
            Self::Missing => "calls to this service come through the gateway",
            Self::Repeated | Self::Invalid(_) | Self::Malformed(_) => {
                "the call's context is not valid"
            }
            Self::NoTenant => "the call needs a tenant",
            Self::NotPlatform | Self::NotInternal | Self::NotAllowed => {
                "the caller may not use this method"
            }
        }
        .into()
    }
}
