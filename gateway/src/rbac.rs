//! Who may call a method: one decision for every protocol, for it hangs on the
//! method. What no rule admits is denied.

use resido_proto::{
    identity::{Role, Subject},
    options::v1::Access,
};

use crate::{auth::Principal, catalog::Policy, refusal::Refusal};

/// Whether a method asks who calls at all.
pub(crate) fn needs_principal(policy: &Policy) -> bool {
    policy.access != Access::Anonymous && policy.access != Access::Unspecified
}

/// Decides whether a caller may use a method; `has_tenant` says whether a tenant
/// was verified.
///
/// # Errors
/// [`Refusal::MethodClosed`] where no policy opens the method,
/// [`Refusal::TenantRequired`] and [`Refusal::RoleRequired`] otherwise.
pub(crate) fn authorize(
    policy: &Policy,
    principal: &Principal,
    has_tenant: bool,
) -> Result<(), Refusal> {
    let is_staff = principal.tenant.is_none() && principal.roles.iter().any(Role::is_platform);
    match policy.access {
        Access::Anonymous => return Ok(()),
        Access::Unspecified | Access::Internal => return Err(Refusal::MethodClosed),
        _ if principal.subject == Subject::Anonymous => return Err(Refusal::CredentialRequired),
        Access::Tenant if !has_tenant => return Err(Refusal::TenantRequired),
        Access::Platform if !is_staff => return Err(Refusal::RoleRequired),
        Access::Tenant | Access::Platform | Access::Authenticated => {}
    }
    let has_role = |wanted: &Role| principal.roles.contains(wanted);
    // A role of one tenant is worth nothing outside, nor a platform's within.
    let roles_count = policy.access == Access::Platform || !is_staff;
    let admitted = policy.roles.is_empty() || roles_count && policy.roles.iter().any(has_role);
    let narrowed = match (&principal.permissions, &policy.permission) {
        (Some(granted), Some(wanted)) => !granted.contains(wanted),
        (Some(_), None) => true,
        (None, _) => false,
    };
    if admitted && !narrowed {
        Ok(())
    } else {
        Err(Refusal::RoleRequired)
    }
}

#[cfg(test)]
mod tests {
    use resido_proto::{
        error::Failure as _,
        ids::{TenantId, UserId},
    };

    use super::*;

    fn policy(access: Access, roles: &[Role]) -> Policy {
        Policy {
            access,
            roles: roles.to_vec(),
            permission: Some("units.write".into()),
            timeout: None,
            reads_only: false,
            forward_authorization: false,
            allow_suspended: false,
        }
    }

    fn user(tenant: bool, roles: &[Role]) -> Principal {
        Principal {
            subject: Subject::User(UserId::new()),
            tenant: tenant.then(TenantId::new),
            roles: roles.to_vec(),
            ..Principal::ANONYMOUS
        }
    }

    fn check(policy: &Policy, principal: &Principal) -> &'static str {
        let decision = authorize(policy, principal, principal.tenant.is_some());
        decision.map_or_else(|refusal| refusal.reason(), |()| "ok")
    }

    #[test]
    fn i1_what_no_rule_admits_is_denied() {
        let owner = user(true, &[Role::OWNER]);
        for access in [Access::Unspecified, Access::Internal] {
            assert_eq!(check(&policy(access, &[]), &owner), "METHOD_CLOSED");
        }
        assert_eq!(
            check(&policy(Access::Anonymous, &[]), &Principal::ANONYMOUS),
            "ok"
        );
        for access in [Access::Authenticated, Access::Tenant, Access::Platform] {
            assert_eq!(
                check(&policy(access, &[]), &Principal::ANONYMOUS),
                "CREDENTIAL_REQUIRED"
            );
        }
    }

    #[test]
    fn i2_roles_count_where_they_were_given() {
        let tenant = policy(Access::Tenant, &[Role::OWNER, Role::ADMIN]);
        let platform = policy(Access::Platform, &[Role::PLATFORM_ADMIN]);
        for (principal, in_tenant, on_platform) in [
            (user(true, &[Role::OWNER]), "ok", "ROLE_REQUIRED"),
            (
                user(true, &[Role::VIEWER]),
                "ROLE_REQUIRED",
                "ROLE_REQUIRED",
            ),
            (
                user(false, &[Role::PLATFORM_ADMIN]),
                "TENANT_REQUIRED",
                "ok",
            ),
            (
                user(false, &[Role::PLATFORM_SUPPORT]),
                "TENANT_REQUIRED",
                "ROLE_REQUIRED",
            ),
            // A tenant that names its own role like the platform's gains nothing.
            (
                user(true, &[Role::PLATFORM_ADMIN]),
                "ROLE_REQUIRED",
                "ROLE_REQUIRED",
            ),
            (
                user(false, &[Role::OWNER]),
                "TENANT_REQUIRED",
                "ROLE_REQUIRED",
            ),
        ] {
            assert_eq!(check(&tenant, &principal), in_tenant, "{principal:?}");
            assert_eq!(check(&platform, &principal), on_platform, "{principal:?}");
        }
    }

    #[test]
    fn scopes_narrow_and_never_widen() {
        let policy = policy(Access::Tenant, &[Role::MEMBER]);
        let scoped = |roles: &[Role], scopes: &[&str]| Principal {
            permissions: Some(scopes.iter().map(ToString::to_string).collect()),
            ..user(true, roles)
        };
        assert_eq!(
            check(&policy, &scoped(&[Role::MEMBER], &["units.write"])),
            "ok"
        );
        assert_eq!(
            check(&policy, &scoped(&[Role::MEMBER], &["units.read"])),
            "ROLE_REQUIRED"
        );
        assert_eq!(
            check(&policy, &scoped(&[Role::VIEWER], &["units.write"])),
            "ROLE_REQUIRED"
        );
    }
}
