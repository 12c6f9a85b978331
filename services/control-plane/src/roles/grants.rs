//! What somebody's roles come to, as tokens state it.

use std::collections::BTreeSet;

use resido_proto::{identity::Role, ids::TenantId};
use resido_tenancy::db::{PublicTx, params};

use crate::{Error, row::column};

/// The roles that every tenant has.
pub(crate) const BUILT_IN: [Role; 4] = [Role::OWNER, Role::ADMIN, Role::MEMBER, Role::VIEWER];

/// What somebody with roles of the tenant's own alone may do besides: methods
/// that are open to every member are closed to them otherwise.
const EVERYBODYS: [&str; 2] = ["profile.write", "users.read"];

/// Permissions of one token at most; more are left out, the last of the alphabet
/// first.
const MAX: usize = 200;

const GRANTED: &str = r#"
    select distinct p.permission collate "C" as permission
      from roles r cross join lateral unnest(r.permissions) as p (permission)
     where r.tenant_id = $1 and r.id = any($2)
     order by 1
     limit 200"#;

/// What somebody's roles come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Grants {
    /// What the tenant's own roles give, in order.
    pub(crate) grants: Vec<String>,
    /// All that is permitted, in order; none if the roles say it.
    pub(crate) perm: Option<Vec<String>>,
}

impl Grants {
    fn new(roles: &[Role], grants: Vec<String>) -> Self {
        let is_narrow = !roles.iter().any(|role| BUILT_IN.contains(role));
        let perm = is_narrow.then(|| {
            let everybodys = EVERYBODYS.map(str::to_owned);
            let all: BTreeSet<_> = grants.iter().cloned().chain(everybodys).collect();
            all.into_iter().collect()
        });
        Self { grants, perm }
    }
}

/// Reads what roles in a tenant come to. The roles must have been read before, in
/// this transaction or an earlier one: a role that changes gives its holders a
/// new epoch, so that no token has that epoch and the permissions of before.
///
/// # Errors
/// If the database fails.
pub(crate) async fn granted(
    tx: &PublicTx,
    tenant: TenantId,
    roles: &[Role],
) -> Result<Grants, Error> {
    let own: Vec<_> = roles
        .iter()
        .filter(|role| !BUILT_IN.contains(role))
        .map(ToString::to_string)
        .collect();
    if own.is_empty() {
        return Ok(Grants::new(roles, Vec::new()));
    }
    let rows = tx.query(GRANTED, params![tenant.as_uuid(), own]).await?;
    let mut grants = Vec::with_capacity(rows.len().min(MAX));
    for row in rows.iter().take(MAX) {
        grants.push(column(row, "permission")?);
    }
    Ok(Grants::new(roles, grants))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_roles_are_not_narrowed() {
        for roles in [vec![Role::VIEWER], vec![Role::named("clerk"), Role::MEMBER]] {
            let grants = Grants::new(&roles, vec!["units.read".into()]);
            assert_eq!(grants.perm, None, "{roles:?}");
            assert_eq!(grants.grants, ["units.read"]);
        }
    }

    #[test]
    fn roles_of_the_tenants_own_alone_permit_what_they_grant() {
        let clerk = [Role::named("clerk")];
        let given = vec!["units.read".to_owned(), "users.read".to_owned()];
        let grants = Grants::new(&clerk, given.clone());
        let perm = grants.perm.unwrap();
        assert_eq!(perm, ["profile.write", "units.read", "users.read"]);
        assert_eq!(grants.grants, given);
        // Nor does a role that is gone, or none at all, open anything.
        for roles in [&clerk[..], &[]] {
            let perm = Grants::new(roles, Vec::new()).perm.unwrap();
            assert_eq!(perm, EVERYBODYS);
        }
    }
}
