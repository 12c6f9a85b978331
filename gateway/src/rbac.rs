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
    let admitted =
        policy.roles.is_empty() || has_role(policy, principal) || granted(policy, principal);
    let narrowed = match (&principal.permissions, &policy.permission) {
        (Some(kept), Some(wanted)) => !kept.contains(wanted),
        (Some(_), None) => true,
        (None, _) => false,
    };
    if admitted && !narrowed {
        Ok(())
    } else {
        Err(Refusal::RoleRequired)
    }
}

/// Whether the caller has one of the method's roles, given where such roles are:
/// a tenant's is worth nothing outside, nor a platform's within.
fn has_role(policy: &Policy, principal: &Principal) -> bool {
    let on_platform = principal.tenant.is_none();
    let counts = |role: &&Role| role.is_platform() == on_platform;
    let mut wanted = policy.roles.iter().filter(counts);
    wanted.any(|role| principal.roles.contains(role))
}

/// Whether roles that the tenant made itself give the method's permission.
fn granted(policy: &Policy, principal: &Principal) -> bool {
    let wanted = policy.permission.as_ref();
    principal.tenant.is_some() && wanted.is_some_and(|wanted| principal.grants.contains(wanted))
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

    #[test]
    fn a_method_of_both_counts_each_role_where_it_was_given() {
        let both = policy(
            Access::Authenticated,
            &[Role::OWNER, Role::ADMIN, Role::PLATFORM_ADMIN],
        );
        for (principal, expected) in [
            (user(true, &[Role::OWNER]), "ok"),
            (user(true, &[Role::MEMBER]), "ROLE_REQUIRED"),
            (user(true, &[Role::PLATFORM_ADMIN]), "ROLE_REQUIRED"),
            (user(false, &[Role::PLATFORM_ADMIN]), "ok"),
            (user(false, &[Role::PLATFORM_SUPPORT]), "ROLE_REQUIRED"),
            (user(false, &[Role::OWNER]), "ROLE_REQUIRED"),
        ] {
            assert_eq!(check(&both, &principal), expected, "{principal:?}");
        }
    }

    /// The rules once more, as a person would say them.
    fn oracle(policy: &Policy, caller: &Principal) -> &'static str {
        let holds = |list: &[String]| policy.permission.iter().any(|one| list.contains(one));
        let shares = |platform: bool| {
            let mut shared = policy
                .roles
                .iter()
                .filter(|role| caller.roles.contains(role));
            shared.any(|role| role.as_str().starts_with("platform_") == platform)
        };
        let in_tenant = caller.tenant.is_some();
        let staff = caller
            .roles
            .iter()
            .any(|role| role.as_str().starts_with("platform_"));
        if policy.access == Access::Anonymous {
            return "ok";
        }
        if [Access::Unspecified, Access::Internal].contains(&policy.access) {
            return "METHOD_CLOSED";
        }
        if caller.subject == Subject::Anonymous {
            return "CREDENTIAL_REQUIRED";
        }
        if policy.access == Access::Tenant && !in_tenant {
            return "TENANT_REQUIRED";
        }
        if policy.access == Access::Platform && (in_tenant || !staff) {
            return "ROLE_REQUIRED";
        }
        let open = policy.roles.is_empty();
        let by_role = if in_tenant {
            shares(false)
        } else {
            shares(true)
        };
        let by_grant = in_tenant && holds(&caller.grants);
        let kept = caller.permissions.as_ref().is_none_or(|kept| holds(kept));
        if (open || by_role || by_grant) && kept {
            "ok"
        } else {
            "ROLE_REQUIRED"
        }
    }

    #[test]
    fn i1_every_combination_is_decided_as_the_rules_say() {
        let roles = [
            vec![],
            vec![Role::OWNER],
            vec![Role::MEMBER],
            vec![Role::named("own")],
            vec![Role::PLATFORM_ADMIN],
            vec![Role::OWNER, Role::PLATFORM_SUPPORT],
        ];
        let lists = ["", "units.write", "units.read"].map(|one| {
            let one = Some(one.to_owned()).filter(|one| !one.is_empty());
            one.into_iter().collect::<Vec<_>>()
        });
        let narrowing: Vec<_> = lists.iter().cloned().map(Some).chain([None]).collect();
        let mut seen = std::collections::BTreeMap::<_, usize>::new();
        for number in 0..6 {
            let access = Access::try_from(number).unwrap();
            for (wanted, has) in roles.iter().flat_map(|a| roles.iter().map(move |b| (a, b))) {
                for permission in [None, Some("units.write".to_owned())] {
                    let policy = Policy {
                        permission,
                        ..policy(access, wanted)
                    };
                    for (grants, kept) in lists
                        .iter()
                        .flat_map(|a| narrowing.iter().map(move |b| (a, b)))
                    {
                        for in_tenant in [true, false] {
                            let caller = Principal {
                                grants: grants.clone(),
                                permissions: kept.clone(),
                                ..user(in_tenant, has)
                            };
                            let decided = check(&policy, &caller);
                            assert_eq!(decided, oracle(&policy, &caller), "{policy:?} {caller:?}");
                            *seen.entry(decided).or_default() += 1;
                        }
                    }
                }
            }
        }
        assert_eq!(seen.len(), 4, "{seen:?}");
    }
}
