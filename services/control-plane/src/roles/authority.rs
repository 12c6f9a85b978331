//! Who may give what to whom.
//!
//! Nobody gives a role that permits more than they may do themselves. Owners hold
//! every permission, admins every one but `tenants.*`, and everybody else those
//! that roles of the tenant's own gave them; a credential that is narrowed holds no
//! more than it says. Of the built-in roles, owners give all, admins all but
//! `owner`, and narrowed credentials and everybody else none.
//!
//! Who may touch a member is decided alike, but for the narrowing: to keep somebody
//! out gives nothing to anybody.

use resido_proto::identity::Role;
use resido_tenancy::context::Principal;

use super::grants::BUILT_IN;

/// What a caller may give.
#[derive(Debug, Clone, Copy)]
pub(super) struct Authority<'a> {
    is_owner: bool,
    is_admin: bool,
    grants: &'a [String],
    narrowed: Option<&'a [String]>,
}

impl<'a> Authority<'a> {
    /// That of giving.
    pub(super) fn to_give(caller: &'a Principal) -> Self {
        Self {
            narrowed: caller.permissions.as_deref(),
            ..Self::to_touch(caller)
        }
    }

    /// That of changing a member who has a role.
    pub(super) fn to_touch(caller: &'a Principal) -> Self {
        Self {
            is_owner: caller.roles.contains(&Role::OWNER),
            is_admin: caller.roles.contains(&Role::ADMIN),
            grants: &caller.grants,
            narrowed: None,
        }
    }

    /// Whether it reaches a role; of one of the tenant's own, its permissions say.
    pub(super) fn reaches(&self, role: &Role, permissions: &[String]) -> bool {
        if !BUILT_IN.contains(role) {
            return self.holds_all(permissions);
        }
        let ranks = self.is_owner || self.is_admin && *role != Role::OWNER;
        ranks && self.narrowed.is_none()
    }

    /// Whether it holds all of the permissions.
    pub(super) fn holds_all(&self, permissions: &[String]) -> bool {
        permissions.iter().all(|permission| self.holds(permission))
    }

    fn holds(&self, permission: &str) -> bool {
        let among = |list: &[String]| list.iter().any(|held| held == permission);
        let held = self.is_owner
            || self.is_admin && !permission.starts_with("tenants.")
            || among(self.grants);
        held && self.narrowed.is_none_or(among)
    }
}

#[cfg(test)]
mod tests {
    use resido_proto::identity::Subject;

    use super::*;

    fn caller(roles: &[&str], grants: &[&str], narrowed: Option<&[&str]>) -> Principal {
        let texts = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        Principal {
            subject: Subject::Anonymous,
            actor: None,
            roles: roles.iter().map(|name| Role::named(*name)).collect(),
            permissions: narrowed.map(texts),
            grants: texts(grants),
            tenant: None,
        }
    }

    /// Returns which of the roles a caller reaches: the built-in ones, and one that
    /// permits to read units, to write users, and to read tenants, each.
    fn reach(authority: Authority<'_>) -> String {
        let own = |permission: &str| [permission.to_owned()];
        let one = |mark: char, reached: bool| if reached { mark } else { '-' };
        let clerk = Role::named("clerk");
        [
            one('o', authority.reaches(&Role::OWNER, &[])),
            one('a', authority.reaches(&Role::ADMIN, &[])),
            one('m', authority.reaches(&Role::MEMBER, &[])),
            one('v', authority.reaches(&Role::VIEWER, &[])),
            one('u', authority.reaches(&clerk, &own("units.read"))),
            one('w', authority.reaches(&clerk, &own("users.write"))),
            one('t', authority.reaches(&clerk, &own("tenants.read"))),
        ]
        .into_iter()
        .collect()
    }

    #[test]
    fn nobody_gives_more_than_they_hold() {
        for (roles, grants, narrowed, gives, touches) in [
            (&["owner"][..], &[][..], None, "oamvuwt", "oamvuwt"),
            (&["admin"], &[], None, "-amvuw-", "-amvuw-"),
            (&["admin"], &["tenants.read"], None, "-amvuwt", "-amvuwt"),
            (&["member"], &[], None, "-------", "-------"),
            (
                &["viewer", "clerk"],
                &["units.read"],
                None,
                "----u--",
                "----u--",
            ),
            // A credential for one thing gives no other, but keeps people out.
            (
                &["owner"],
                &[],
                Some(&["users.write"][..]),
                "-----w-",
                "oamvuwt",
            ),
            (
                &["clerk"],
                &["users.write"],
                Some(&["units.read"]),
                "-------",
                "-----w-",
            ),
            // Nor is a role that is called like a permission one.
            (&["units.read"], &[], None, "-------", "-------"),
            (&["platform_admin"], &[], None, "-------", "-------"),
        ] {
            let caller = caller(roles, grants, narrowed);
            assert_eq!(reach(Authority::to_give(&caller)), gives, "{caller:?}");
            assert_eq!(reach(Authority::to_touch(&caller)), touches, "{caller:?}");
        }
    }

    #[test]
    fn a_role_without_permissions_is_everybodys_to_give() {
        let caller = caller(&["member"], &[], None);
        assert!(Authority::to_give(&caller).reaches(&Role::named("clerk"), &[]));
    }
}
