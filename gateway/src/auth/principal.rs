//! Who calls, verified.

use resido_proto::{
    identity::{AccessClaims, Role, Subject},
    ids::TenantId,
};
use uuid::Uuid;

/// Clocks may differ by this much, in seconds.
pub(super) const LEEWAY_SECONDS: u64 = 30;

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
    /// Epoch of what the actor was on the platform then.
    pub(crate) actor_epoch: i64,
    /// Why the caller is believed.
    pub(crate) proof: Proof,
    /// When the credential is not accepted any more, in seconds since the epoch;
    /// never if there is none.
    pub(crate) accepted_until: Option<u64>,
}

/// Why a caller is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    /// There is nothing to believe.
    None,
    /// A token that the issuer signed.
    Token,
    /// A token made with the shared secret, which says nothing of whether the
    /// person still belongs to the tenant.
    SharedSecret,
    /// An API key, as the control plane said.
    ApiKey {
        /// The key's id.
        id: Uuid,
        /// When the control plane was asked, by the clock of changes.
        asked: u64,
    },
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
        actor_epoch: 0,
        proof: Proof::None,
        accepted_until: None,
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
            actor_epoch: claims.act_epoch.unwrap_or_default(),
            proof: Proof::Token,
            accepted_until: Some(claims.exp.saturating_add(LEEWAY_SECONDS)),
        }
    }
}

/// Returns the time of the wall clock, in seconds since the epoch.
pub(super) fn now() -> u64 {
    jsonwebtoken::get_current_timestamp()
}
