//! What a handler knows of its call.

use std::{net::IpAddr, sync::Arc};

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
    /// Permissions that the tenant's own roles give besides.
    pub grants: Vec<String>,
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
            grants: claims.grants,
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
    client: Option<IpAddr>,
    idempotency_key: Option<Arc<str>>,
}

/// What a call says besides who makes it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Said<'a> {
    /// Ties the call to its logs.
    pub(crate) request_id: &'a str,
    /// When the caller stops waiting.
    pub(crate) deadline: Option<Instant>,
    /// Where the caller is.
    pub(crate) client: Option<IpAddr>,
    /// What tells a repeated call.
    pub(crate) idempotency_key: Option<&'a str>,
}

impl CallContext {
    pub(crate) fn new(principal: Arc<Principal>, said: Said<'_>) -> Self {
        Self {
            principal,
            request_id: said.request_id.into(),
            deadline: said.deadline,
            client: said.client,
            idempotency_key: said.idempotency_key.map(Into::into),
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

    /// Returns the address of the client, as the gateway saw it.
    #[must_use]
    pub fn client(&self) -> Option<IpAddr> {
        self.client
    }

    /// Returns the header by which the caller marks a call that may come twice.
    /// It is as the caller wrote it.
    #[must_use]
    pub fn idempotency_key(&self) -> Option<&str> {
        self.idempotency_key.as_deref()
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

    /// Makes sure that the caller has one of the roles, unless the list is empty,
    /// or holds the permission by a role of the tenant's own; and the permission,
    /// where its permissions are narrower than its roles.
    ///
    /// The gateway has decided this already; it is asked again so that a mistake
    /// there opens nothing.
    ///
    /// # Errors
    /// [`Error::NotAllowed`].
    pub fn require(&self, roles: &[Role], permission: &str) -> Result<(), Error> {
        let principal = &*self.principal;
        let role = roles.is_empty()
            || roles.iter().any(|role| principal.roles.contains(role))
            || principal.grants.iter().any(|held| held == permission);
        let permitted = match &principal.permissions {
            Some(list) => list.iter().any(|held| held == permission),
            None => true,
        };
        if role && permitted {
            Ok(())
        } else {
            Err(Error::NotAllowed)
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn call(roles: &[Role], permissions: Option<&[&str]>) -> CallContext {
        let principal = Principal {
            subject: Subject::Anonymous,
            actor: None,
            roles: roles.to_vec(),
            permissions: permissions.map(|list| list.iter().map(ToString::to_string).collect()),
            grants: Vec::new(),
            tenant: None,
        };
        CallContext::new(Arc::new(principal), Said::default())
    }

    #[test]
    fn a_role_of_the_list_is_needed() {
        let list = [Role::OWNER, Role::MEMBER];
        let ask = |has: &[Role], list: &[Role]| call(has, None).require(list, "users.read");
        assert_eq!(ask(&[Role::MEMBER], &list), Ok(()));
        assert_eq!(ask(&[Role::VIEWER, Role::OWNER], &list), Ok(()));
        assert_eq!(ask(&[Role::VIEWER], &list), Err(Error::NotAllowed));
        assert_eq!(ask(&[], &list), Err(Error::NotAllowed));
        assert_eq!(ask(&[], &[]), Ok(()));
    }

    #[test]
    fn a_role_of_the_tenants_own_gives_what_it_grants() {
        let granted = |narrowed: Option<&[&str]>| {
            let mut call = call(&[Role::named("auditor")], narrowed);
            let principal = Arc::make_mut(&mut call.principal);
            principal.grants.push("units.read".to_owned());
            let ask = |permission| call.require(&[Role::OWNER], permission).is_ok();
            (ask("units.read"), ask("units.write"))
        };
        assert_eq!(granted(None), (true, false));
        assert_eq!(granted(Some(&["units.read"])), (true, false));
        assert_eq!(granted(Some(&["units.write"])), (false, false));
    }

    #[test]
    fn permissions_narrow_roles_and_widen_nothing() {
        let ask = |has: &[Role], permissions: &[&str]| {
            call(has, Some(permissions)).require(&[Role::PLATFORM_ADMIN], "tenants.write")
        };
        let admin = [Role::PLATFORM_ADMIN];
        assert_eq!(ask(&admin, &["tenants.write"]), Ok(()));
        assert_eq!(ask(&admin, &["tenants.read"]), Err(Error::NotAllowed));
        assert_eq!(ask(&admin, &[]), Err(Error::NotAllowed));
        let viewer = [Role::VIEWER];
        assert_eq!(ask(&viewer, &["tenants.write"]), Err(Error::NotAllowed));
    }
}
