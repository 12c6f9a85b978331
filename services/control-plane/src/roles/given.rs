//! Roles that are given to people.

use std::collections::{BTreeSet, HashMap};

use resido_proto::{
    error::Violation,
    identity::{Role, Subject},
    ids::TenantId,
    validate::Checks,
};
use resido_tenancy::{
    context::{self, CallContext},
    db::{PublicTx, params},
};
use uuid::Uuid;

use super::{authority::Authority, grants::BUILT_IN};
use crate::{Error, row::column};

/// Roles of one person at most.
const MAX_ROLES: usize = 20;
/// Characters of a role's name that are quoted back.
const MAX_QUOTED: usize = 60;

/// A role that is locked cannot be deleted, nor permit more, until the transaction
/// ends.
const PERMISSIONS: &str = "
    select id, permissions from roles where tenant_id = $1 and id = any($2) order by id for share";
const KEY: &str = "
    select 1 as one from api_keys
     where tenant_id = $1 and id = $2 and revoke_time is null
       and (expire_time is null or expire_time > now())";

/// Reads the names of roles that somebody is to have, in order. Whether there are
/// such roles shows later.
///
/// # Errors
/// Violations of the field: no name, more than 20, or one twice.
pub(crate) fn names(field: &'static str, names: Vec<String>) -> Result<Vec<Role>, Vec<Violation>> {
    let mut checks = Checks::default();
    checks.require(!names.is_empty(), field, "is required");
    let fault = "has more than 20 roles";
    checks.require(names.len() <= MAX_ROLES, field, fault);
    let distinct: BTreeSet<_> = names.iter().collect();
    checks.require(distinct.len() == names.len(), field, "has a role twice");
    checks.finish()?;
    Ok(names.into_iter().map(Role::named).collect())
}

/// Makes sure that roles are there, and that the caller may give them; they are
/// until the transaction ends. The tenant's row is held.
///
/// # Errors
/// A violation of the field for each role that is not there; or
/// [`context::Error::NotAllowed`].
pub(crate) async fn may_give(
    tx: &PublicTx,
    ctx: &CallContext,
    tenant: TenantId,
    roles: (&'static str, &[Role]),
) -> Result<(), Error> {
    may_give_over(tx, ctx, tenant, roles, &[]).await
}

/// Does as [`may_give`], where what is given is narrowed to some permissions; to all
/// that the roles give where there are none.
///
/// # Errors
/// As [`may_give`].
pub(crate) async fn may_give_over(
    tx: &PublicTx,
    ctx: &CallContext,
    tenant: TenantId,
    (field, roles): (&'static str, &[Role]),
    scopes: &[String],
) -> Result<(), Error> {
    let own = own(tx, tenant, roles).await?;
    let mut checks = Checks::default();
    for role in roles {
        let known = BUILT_IN.contains(role) || own.contains_key(role.as_str());
        let shown: String = role.as_str().chars().take(MAX_QUOTED).collect();
        let fault = format!("names `{shown}`, which is no role of the tenant");
        checks.require(known, field, fault);
    }
    checks.finish()?;
    let authority = Authority::to_give(ctx.principal()).over(scopes);
    reached(authority, roles, &own)?;
    match &ctx.principal().subject {
        Subject::ApiKey(key) => key_works(tx, tenant, key).await,
        _ => Ok(()),
    }
}

/// Makes sure that a key which gives something works still: gateways hear of its end
/// a moment late, and what it gave has been withdrawn.
async fn key_works(tx: &PublicTx, tenant: TenantId, key: &str) -> Result<(), Error> {
    let refused = || Error::from(context::Error::NotAllowed);
    let key: Uuid = key.parse().map_err(|_| refused())?;
    let row = tx.query_opt(KEY, params![tenant.as_uuid(), key]).await?;
    row.map(drop).ok_or_else(refused)
}

/// Makes sure that the caller may change a member who has these roles.
///
/// # Errors
/// [`context::Error::NotAllowed`].
pub(crate) async fn may_touch(
    tx: &PublicTx,
    ctx: &CallContext,
    tenant: TenantId,
    roles: &[Role],
) -> Result<(), Error> {
    let own = own(tx, tenant, roles).await?;
    reached(Authority::to_touch(ctx.principal()), roles, &own)
}

/// What the roles of the tenant's own permit.
pub(super) type Own = HashMap<String, Vec<String>>;

fn reached(authority: Authority<'_>, roles: &[Role], own: &Own) -> Result<(), Error> {
    if reaches_all(authority, roles, own) {
        Ok(())
    } else {
        Err(context::Error::NotAllowed.into())
    }
}

/// Whether an authority reaches each of the roles.
pub(super) fn reaches_all(authority: Authority<'_>, roles: &[Role], own: &Own) -> bool {
    roles.iter().all(|role| {
        let permissions = own.get(role.as_str()).map_or(&[][..], Vec::as_slice);
        authority.reaches(role, permissions)
    })
}

/// Reads what those of the roles permit that are the tenant's own.
pub(super) async fn own(tx: &PublicTx, tenant: TenantId, roles: &[Role]) -> Result<Own, Error> {
    let names: Vec<_> = roles
        .iter()
        .filter(|role| !BUILT_IN.contains(role))
        .map(ToString::to_string)
        .collect();
    if names.is_empty() {
        return Ok(Own::new());
    }
    let rows = tx
        .query(PERMISSIONS, params![tenant.as_uuid(), names])
        .await?;
    rows.iter()
        .map(|row| Ok((column(row, "id")?, column(row, "permissions")?)))
        .collect()
}

/// Refuses an operator who acts as somebody else: what is given would outlive the
/// impersonation.
///
/// # Errors
/// [`Error::Impersonated`].
pub(crate) fn refuse_impersonated(ctx: &CallContext) -> Result<(), Error> {
    match ctx.principal().actor {
        Some(_) => Err(Error::Impersonated),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_has_1_to_20_different_roles() {
        let ask = |list: Vec<String>| names("roles", list).map(|roles| roles.len());
        let many = |number: usize| (0..number).map(|n| format!("role-{n}")).collect();
        assert_eq!(ask(many(1)), Ok(1));
        assert_eq!(ask(many(20)), Ok(20));
        for list in [many(0), many(21), vec!["owner".into(), "owner".into()]] {
            let faults = ask(list.clone()).unwrap_err();
            assert_eq!(faults.len(), 1, "{list:?}");
            assert_eq!(faults[0].field, "roles");
        }
    }
}
