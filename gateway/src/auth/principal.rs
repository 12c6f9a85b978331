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
    /// The operator who acts as the subject, if any.
    pub(crate) actor: Option<Subject>,
    /// Permissions that narrow the roles, if they do.
    pub(crate) permissions: Option<Vec<String>>,
    /// Permissions that the tenant's own roles give besides.
    pub(crate) grants: Vec<String>,
    /// Epoch of the membership when the credential was made.
    pub(crate) epoch: i64,
}

impl Principal {
    /// The caller of whom nothing is known.
    pub(crate) const ANONYMOUS: Self = Self {
        subject: Subject::Anonymous,
        tenant: None,
        roles: Vec::new(),
        actor: None,
        permissions: None,
        grants: Vec::new(),
        epoch: 0,
    };
}

impl From<AccessClaims> for Principal {
    fn from(claims: AccessClaims) -> Self {
        Self {
            subject: claims.sub,
            tenant: claims.tid,
            roles: claims.roles,
            actor: claims.act,
            permissions: claims.perm,
            grants: claims.grants,
            epoch: claims.epoch,
        }
    }
}
