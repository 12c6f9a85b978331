//! Who calls, verified.

use resido_proto::{
    identity::{AccessClaims, Role, Subject},
    ids::TenantId,
};

/// A verified caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Principal {
    /// Who calls.
    pub(crate) subject: Subject,
    /// The tenant the credential is for; none for platform staff.
    pub(crate) tenant: Option<TenantId>,
    /// Roles, in the tenant or on the platform.
    pub(crate) roles: Vec<Role>,
    /// Permissions that narrow the roles, if they do.
    pub(crate) permissions: Option<Vec<String>>,
    /// Epoch of the membership when the credential was made.
    pub(crate) epoch: i64,
}

impl Principal {
    /// The caller of whom nothing is known.
    pub(crate) const ANONYMOUS: Self = Self {
        subject: Subject::Anonymous,
        tenant: None,
        roles: Vec::new(),
        permissions: None,
        epoch: 0,
    };
}

impl From<AccessClaims> for Principal {
    fn from(claims: AccessClaims) -> Self {
        Self {
            subject: claims.sub,
            tenant: claims.tid,
            roles: claims.roles,
            permissions: None,
            epoch: claims.epoch,
        }
    }
}
