//! Who may give what to whom.
//!
//! Nobody gives a role that permits more than they may do themselves. Owners hold
//! every permission, admins every one but `tenants.*`, and everybody else those
//! that roles of the tenant's own gave them; a credential that is narrowed holds no
//! more than it says. Of the built-in roles, owners give all, admins all but
//! `owner`, and narrowed credentials and everybody else none. Only people make
//! owners: what an owner's API key gave would outlive the key.
//!
//! What is narrowed itself, as an API key may be, is given by a narrowed credential
//! too, if that holds all of what it is narrowed to.
//!
//! Who may touch a member is decided alike, but for the narrowing: to keep somebody
//! out gives nothing to anybody.

use resido_proto::identity::{Role, Subject};
use resido_tenancy::context::Principal;

use super::grants::{BUILT_IN, Grants};

/// What somebody may give.
#[derive(Debug, Clone, Copy)]
pub(super) struct Authority<'a> {
    is_owner: bool,
    is_admin: bool,
    makes_owners: bool,
    grants: &'a [String],
    narrowed: Option<&'a [String]>,
}

impl<'a> Authority<'a> {
    /// That of giving.
    pub(super) fn to_give(caller: &'a Principal) -> Self {
        Self {
            makes_owners: matches!(caller.subject, Subject::User(_)),
            narrowed: caller.permissions.as_deref(),
            ..Self::to_touch(caller)
        }
    }

    /// That of a member with these roles to give, and what they come to.
    pub(super) fn of_member(roles: &[Role], granted: &'a Grants) -> Self {
        Self {
            is_owner: roles.contains(&Role::OWNER),
            is_admin: roles.contains(&Role::ADMIN),
            makes_owners: true,
            grants: &granted.grants,
            narrowed: granted.perm.as_deref(),
        }
    }

    /// That of changing a member who has a role.
    pub(super) fn to_touch(caller: &'a Principal) -> Self {
        Self {
            is_owner: caller.roles.contains(&Role::OWNER),
            is_admin: caller.roles.contains(&Role::ADMIN),
            makes_owners: true,
            grants: &caller.grants,
            narrowed: None,
        }
    }

    /// That over what is narrowed to some permissions; to all where there are none.
    pub(super) fn over(self, scopes: &[String]) -> Self {
        let holds =
            |held: &[String]| !scopes.is_empty() && scopes.iter().all(|scope| held.contains(scope));
        Self {
            narrowed: self.narrowed.filter(|held| !holds(held)),
            ..self
        }
    }

    /// Whether it reaches a role; of one of the tenant's own, its permissions say.
    pub(super) fn reaches(&self, role: &Role, permissions: &[String]) -> bool {
        if !BUILT_IN.contains(role) {
            return self.holds_all(permissions);
        }
        let ranks = if *role == Role::OWNER {
            self.is_owner && self.makes_owners
        } else {
            self.is_owner || self.is_admin
        };
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
    use resido_proto::ids::UserId;

    use super::*;

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(ToString::to_string).collect()
    }

    fn caller(roles: &[&str], grants: &[&str], narrowed: Option<&[&str]>) -> Principal {
        Principal {
            subject: Subject::User(UserId::new()),
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
    fn an_owners_key_makes_no_owners() {
        let mut key = caller(&["owner"], &[], None);
        key.subject = Subject::ApiKey("1".into());
        assert_eq!(reach(Authority::to_give(&key)), "-amvuwt");
        assert_eq!(reach(Authority::to_touch(&key)), "oamvuwt");
    }

    #[test]
    fn what_is_narrowed_is_given_by_whoever_holds_all_of_that() {
        let holds = ["users.write", "units.read"];
        let caller = caller(&["admin"], &[], Some(&holds));
        for (scopes, gives) in [
            (&[][..], "----uw-"),
            (&["units.read"], "-amvuw-"),
            (&["units.read", "users.write"], "-amvuw-"),
            (&["units.read", "units.write"], "----uw-"),
        ] {
            let authority = Authority::to_give(&caller).over(&texts(scopes));
            assert_eq!(reach(authority), gives, "{scopes:?}");
        }
    }

    #[test]
    fn a_member_gives_as_their_tokens_would() {
        let of = |roles: &[&str], perm: Option<&[&str]>| {
            let granted = Grants {
                grants: texts(&["units.read"]),
                perm: perm.map(texts),
            };
            let roles: Vec<_> = roles.iter().map(|name| Role::named(*name)).collect();
            reach(Authority::of_member(&roles, &granted))
        };
        assert_eq!(of(&["owner"], None), "oamvuwt");
        assert_eq!(of(&["admin", "clerk"], None), "-amvuw-");
        assert_eq!(of(&["viewer", "clerk"], None), "----u--");
        assert_eq!(
            of(&["clerk"], Some(&["units.read", "users.read"])),
            "----u--"
        );
    }

    #[test]
    fn a_role_without_permissions_is_everybodys_to_give() {
        let caller = caller(&["member"], &[], None);
        assert!(Authority::to_give(&caller).reaches(&Role::named("clerk"), &[]));
    }
}
