//! What a role of a tenant's own is, and the rules for its fields.

use std::{str::FromStr, time::SystemTime};

use resido_proto::{
    error::Violation, identity::Role as Name, identity_api::v1 as proto, mask::Mask,
    validate::Checks,
};

use super::{grants::BUILT_IN, permissions::Permissions};
use crate::Error;

/// Roles of a tenant at most.
pub(super) const MAX_ROLES: i64 = 100;
const MAX_PERMISSIONS: usize = 100;
const COLLECTION: &str = "roles/";

/// The id of a role of a tenant's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RoleId(String);

impl RoleId {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads `roles/<id>`.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the roles that every tenant has: they are no
    /// resources. One violation of the field for what is no name of a role.
    pub(super) fn of_name(field: &'static str, name: &str) -> Result<Self, Error> {
        let id = name.strip_prefix(COLLECTION);
        if id.is_some_and(is_built_in) {
            return Err(Error::NotFound("role"));
        }
        let id = id.and_then(|id| id.parse().ok());
        let fault = || vec![Violation::new(field, "must be `roles/<id>`")];
        Ok(id.ok_or_else(fault)?)
    }
}

impl FromStr for RoleId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        if is_built_in(text) {
            return Err("is a built-in role");
        }
        let plain = |c: u8| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'-');
        let begins = text.starts_with(|c: char| c.is_ascii_lowercase());
        if begins && (3..=40).contains(&text.len()) && text.bytes().all(plain) {
            Ok(Self(text.to_owned()))
        } else {
            Err("must be 3 to 40 characters of a-z, 0-9 and `-`, beginning with a letter")
        }
    }
}

fn is_built_in(name: &str) -> bool {
    BUILT_IN.iter().any(|role| role.as_str() == name)
}

/// A role as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Role {
    pub(super) id: String,
    pub(super) row: uuid::Uuid,
    pub(super) display_name: String,
    pub(super) permissions: Vec<String>,
    pub(super) created: SystemTime,
    pub(super) updated: SystemTime,
    pub(super) revision: i64,
}

impl Role {
    fn etag(&self) -> String {
        format!("r{}", self.revision)
    }

    /// Refuses an etag that is not the role's; an empty one is none.
    pub(super) fn check(&self, etag: &str) -> Result<(), Error> {
        if etag.is_empty() || etag == self.etag() {
            Ok(())
        } else {
            Err(Error::EtagMismatch)
        }
    }

    /// Returns what memberships call it.
    pub(super) fn name(&self) -> Name {
        Name::named(self.id.clone())
    }
}

impl From<Role> for proto::Role {
    fn from(role: Role) -> Self {
        Self {
            name: format!("{COLLECTION}{}", role.id),
            etag: role.etag(),
            display_name: role.display_name,
            permissions: role.permissions,
            create_time: Some(role.created.into()),
            update_time: Some(role.updated.into()),
        }
    }
}

/// What a role is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Draft {
    pub(super) display_name: String,
    /// In order, each once.
    pub(super) permissions: Vec<String>,
}

impl Draft {
    /// Checks a request for a new role.
    ///
    /// # Errors
    /// Every fault.
    pub(super) fn parse(
        request: proto::CreateRoleRequest,
        known: &Permissions,
    ) -> Result<(RoleId, Self), Vec<Violation>> {
        let mut checks = Checks::default();
        let id = request.role_id.parse();
        let id = checks.take(id.map_err(|fault| vec![Violation::new("role_id", fault)]));
        let role = request.role.unwrap_or_default();
        let drafted = checks.take(Self::of(role.display_name, role.permissions, known));
        checks.finish_with(id.zip(drafted))
    }

    fn of(
        display_name: String,
        permissions: Vec<String>,
        known: &Permissions,
    ) -> Result<Self, Vec<Violation>> {
        let mut checks = Checks::default();
        checks.text("role.display_name", &display_name, 1, 200);
        let number = permissions.len();
        checks.require(number > 0, "role.permissions", "is required");
        let fault = "has more than 100 permissions";
        checks.require(number <= MAX_PERMISSIONS, "role.permissions", fault);
        known.check("role.permissions", &permissions, &mut checks);
        checks.finish()?;
        Ok(Self {
            display_name,
            permissions: in_order(permissions),
        })
    }
}

/// Brings permissions in order, each once.
fn in_order(mut permissions: Vec<String>) -> Vec<String> {
    permissions.sort_unstable();
    permissions.dedup();
    permissions
}

/// How a role is to change.
pub(super) struct Change {
    pub(super) id: RoleId,
    pub(super) etag: String,
    display_name: String,
    permissions: Vec<String>,
    mask: Mask,
}

impl Change {
    /// Reads a request.
    ///
    /// # Errors
    /// As [`RoleId::of_name`]; every fault of the mask.
    pub(super) fn parse(
        request: proto::UpdateRoleRequest,
        permissions: &Permissions,
    ) -> Result<Self, Error> {
        let role = request.role.unwrap_or_default();
        let id = RoleId::of_name("role.name", &role.name)?;
        let mut checks = Checks::default();
        let known = &["display_name", "permissions"];
        let mask = Mask::parse(request.update_mask, known, &mut checks);
        let (name, wanted) = (role.display_name.clone(), role.permissions.clone());
        let draft = Draft::of(name, wanted, permissions);
        checks.take(mask.only("role", draft.map(drop)));
        checks.finish()?;
        Ok(Self {
            id,
            etag: role.etag,
            display_name: role.display_name,
            permissions: role.permissions,
            mask,
        })
    }

    /// Returns what a role is to be. What the mask does not name stays, be it
    /// known still or not.
    pub(super) fn of(self, old: &Role) -> Draft {
        let (name, permissions) = (old.display_name.clone(), old.permissions.clone());
        let permissions = self.mask.pick("permissions", self.permissions, permissions);
        Draft {
            display_name: self.mask.pick("display_name", self.display_name, name),
            permissions: in_order(permissions),
        }
    }
}

#[cfg(test)]
mod tests {
    use resido_proto::error::Failure as _;

    use super::*;

    #[test]
    fn ids_are_short_plain_and_not_those_of_built_in_roles() {
        let long = "a".repeat(40);
        for text in ["abc", "site-clerk", "a-1", &long] {
            assert_eq!(text.parse::<RoleId>().unwrap().as_str(), text);
        }
        let longer = "a".repeat(41);
        for text in [
            "",
            "ab",
            "1abc",
            "-abc",
            "Abc",
            "a_b",
            "owner",
            "admin",
            "member",
            "viewer",
            "platform_admin",
            &longer,
        ] {
            assert!(text.parse::<RoleId>().is_err(), "{text}");
        }
    }

    #[test]
    fn built_in_roles_are_no_resources() {
        let reason = |name| RoleId::of_name("name", name).unwrap_err().reason();
        assert_eq!(reason("roles/owner"), "RESOURCE_NOT_FOUND");
        for name in ["", "roles/", "roles/a b", "clerk", "users/clerk"] {
            assert_eq!(reason(name), "REQUEST_INVALID", "{name}");
        }
    }

    #[test]
    fn a_draft_reports_every_fault_at_once() {
        let faults =
            Draft::parse(proto::CreateRoleRequest::default(), &Permissions::stated()).unwrap_err();
        let fields: Vec<_> = faults.iter().map(|fault| &*fault.field).collect();
        assert_eq!(fields, ["role_id", "role.display_name", "role.permissions"]);
        let many = (0..101).map(|n| format!("things.p{n}")).collect();
        let faults = Draft::of("Clerk".into(), many, &Permissions::stated()).unwrap_err();
        assert_eq!(faults.len(), 1, "{faults:?}");
    }

    #[test]
    fn permissions_are_kept_in_order_and_once() {
        let given = ["units.read", "leases.read", "units.read"].map(str::to_owned);
        let draft = Draft::of("Clerk".into(), given.to_vec(), &Permissions::stated()).unwrap();
        assert_eq!(draft.permissions, ["leases.read", "units.read"]);
    }

    fn stored() -> Role {
        Role {
            id: "clerk".into(),
            row: uuid::Uuid::nil(),
            display_name: "Clerk".into(),
            permissions: vec!["units.read".into()],
            created: SystemTime::UNIX_EPOCH,
            updated: SystemTime::UNIX_EPOCH,
            revision: 3,
        }
    }

    #[test]
    fn a_change_touches_what_its_mask_names() {
        let change = |paths: &[&str], permissions: &[&str]| {
            let request = proto::UpdateRoleRequest {
                role: Some(proto::Role {
                    name: "roles/clerk".into(),
                    display_name: "Other".into(),
                    permissions: permissions.iter().map(ToString::to_string).collect(),
                    ..Default::default()
                }),
                update_mask: Some(prost_types::FieldMask {
                    paths: paths.iter().map(ToString::to_string).collect(),
                }),
            };
            Change::parse(request, &Permissions::stated())
        };
        let renamed = change(&["display_name"], &["NO"]).ok().unwrap();
        let draft = renamed.of(&stored());
        assert_eq!(draft.display_name, "Other");
        assert_eq!(draft.permissions, stored().permissions);
        let widened = change(&["permissions"], &["a.b"]).ok().unwrap();
        let draft = widened.of(&stored());
        assert_eq!(draft.display_name, "Clerk");
        assert_eq!(draft.permissions, ["a.b"]);
        for (paths, permissions) in [
            (&["permissions"][..], &["NO"][..]),
            (&["permissions"], &["units.raed"]),
            (&["permissions"], &[]),
            (&["name"], &["a.b"]),
            (&[], &["a.b"]),
        ] {
            let error = change(paths, permissions).err().unwrap();
            assert_eq!(error.violations().len(), 1, "{paths:?}");
        }
    }

    #[test]
    fn an_etag_that_is_given_must_be_the_roles() {
        let role = stored();
        assert!(role.check("").is_ok());
        assert!(role.check("r3").is_ok());
        assert_eq!(role.check("r2").unwrap_err().reason(), "ETAG_MISMATCH");
        assert_eq!(proto::Role::from(role).name, "roles/clerk");
    }
}
