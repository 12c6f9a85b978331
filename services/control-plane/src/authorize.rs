//! The last look at a caller's rights: the gateway has decided already, and a
//! mistake there must not open anything here.

use resido_proto::identity::Role;
use resido_tenancy::context::CallContext;

use crate::Error;

/// Makes sure that the caller has one of the roles, and the permission where its
/// permissions are narrower than its roles.
///
/// # Errors
/// [`Error::Role`].
pub(crate) fn require(ctx: &CallContext, roles: &[Role], permission: &str) -> Result<(), Error> {
    let principal = ctx.principal();
    allowed(
        &principal.roles,
        principal.permissions.as_deref(),
        roles,
        permission,
    )
}

fn allowed(
    has: &[Role],
    narrowed_to: Option<&[String]>,
    roles: &[Role],
    permission: &str,
) -> Result<(), Error> {
    let role = roles.is_empty() || roles.iter().any(|role| has.contains(role));
    let permitted = narrowed_to.is_none_or(|list| list.iter().any(|held| held == permission));
    if role && permitted {
        Ok(())
    } else {
        Err(Error::Role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_of_the_list_is_needed() {
        let lists = [Role::OWNER, Role::MEMBER];
        assert!(allowed(&[Role::MEMBER], None, &lists, "users.read").is_ok());
        assert!(allowed(&[Role::VIEWER], None, &lists, "users.read").is_err());
        assert!(allowed(&[], None, &lists, "users.read").is_err());
        assert!(allowed(&[], None, &[], "users.read").is_ok());
    }

    #[test]
    fn permissions_narrow_roles() {
        let narrow = |list: &[&str]| list.iter().map(|&p| p.to_owned()).collect::<Vec<_>>();
        let check = |list: Option<&[String]>| {
            allowed(
                &[Role::PLATFORM_ADMIN],
                list,
                &[Role::PLATFORM_ADMIN],
                "tenants.write",
            )
        };
        assert!(check(Some(&narrow(&["tenants.write"]))).is_ok());
        assert!(check(Some(&narrow(&["tenants.read"]))).is_err());
        assert!(check(Some(&[])).is_err());
    }
}
