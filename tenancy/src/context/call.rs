//! What a handler knows of its call.

use std::sync::Arc;

use resido_proto::{
    identity::{ContextClaims, Mode, Role, Subject, TenantClaims},
    ids::TenantId,
};
use tokio::time::Instant;

use super::Error;

/// Who calls, as the gateway signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Who calls.
    pub subject: Subject,
    /// The operator who acts as the subject, if any.
    pub actor: Option<Subject>,
    /// Roles, in the tenant or on the platform.
    pub roles: Vec<Role>,
    /// Permissions that narrow the roles; none means that nothing is narrowed.
    pub permissions: Option<Vec<String>>,
    /// The tenant and how it stands; none for platform and anonymous calls.
    pub tenant: Option<TenantClaims>,
}

impl From<ContextClaims> for Principal {
    fn from(claims: ContextClaims) -> Self {
        Self {
            subject: claims.sub,
            actor: claims.act,
            roles: claims.roles,
            permissions: claims.perm,
            tenant: claims.tenant,
        }
    }
}

/// A call as its handler sees it. Made by the context layer alone.
#[derive(Debug, Clone)]
pub struct CallContext {
    principal: Arc<Principal>,
    request_id: Arc<str>,
    deadline: Option<Instant>,
}

impl CallContext {
    pub(crate) fn new(
        principal: Arc<Principal>,
        request_id: &str,
        deadline: Option<Instant>,
    ) -> Self {
        Self {
            principal,
            request_id: request_id.into(),
            deadline,
        }
    }

    /// Returns who calls.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Returns the id that ties the call to its logs.
    #[must_use]
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// Returns when the caller stops waiting, if it said so.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Returns the tenant the call is for.
    ///
    /// # Errors
    /// [`Error::NoTenant`] for platform and anonymous calls.
    pub fn tenant(&self) -> Result<TenantContext, Error> {
        if self.principal.tenant.is_none() {
            return Err(Error::NoTenant);
        }
        Ok(TenantContext { call: self.clone() })
    }

    /// Makes sure that platform staff calls.
    ///
    /// # Errors
    /// [`Error::NotPlatform`].
    pub fn platform(&self) -> Result<(), Error> {
        let staff = self.principal.roles.iter().any(Role::is_platform);
        if staff && self.principal.tenant.is_none() {
            Ok(())
        } else {
            Err(Error::NotPlatform)
        }
    }

    /// Makes sure that another part of the product calls.
    ///
    /// # Errors
    /// [`Error::NotInternal`].
    pub fn internal(&self) -> Result<(), Error> {
        if matches!(self.principal.subject, Subject::Service(_)) {
            Ok(())
        } else {
            Err(Error::NotInternal)
        }
    }
}

/// A call for one tenant: what opens a tenant transaction.
#[derive(Debug, Clone)]
pub struct TenantContext {
    call: CallContext,
}

impl TenantContext {
    /// Returns the tenant.
    #[must_use]
    pub fn id(&self) -> TenantId {
        self.claims().tid
    }

    /// Returns the tenant's epoch when the context was made.
    #[must_use]
    pub fn epoch(&self) -> i64 {
        self.claims().epoch
    }

    /// Returns whether writes are allowed.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.claims().mode
    }

    /// Returns the tenant's plan.
    #[must_use]
    pub fn plan(&self) -> &str {
        &self.claims().plan
    }

    /// Returns the call itself: who, until when, under which request id.
    #[must_use]
    pub fn call(&self) -> &CallContext {
        &self.call
    }

    /// Returns the claims about the tenant, which [`CallContext::tenant`] made
    /// sure are there.
    fn claims(&self) -> &TenantClaims {
        match &self.call.principal.tenant {
            Some(claims) => claims,
            None => unreachable!("a tenant context is made from a context with a tenant"),
        }
    }
}
