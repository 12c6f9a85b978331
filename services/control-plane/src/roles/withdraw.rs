//! What members gave ends when they may give it no more: the API keys they made, and
//! their invitations that are open, those by their keys included.
//!
//! The tenant's row is held throughout: nobody gives anything meanwhile.

use std::collections::BTreeSet;

use resido_proto::{
    identity::Role,
    ids::{ApiKeyId, TenantId, UserId},
};
use resido_tenancy::{
    context::TenantContext,
    db::{PublicTx, Row, params},
};
use serde_json::json;
use uuid::Uuid;

use super::{
    authority::Authority,
    given::{own, reaches_all},
    grants::granted,
    model::RoleId,
};
use crate::{
    Error,
    audit::{self, Actor, Event},
    row::column,
};

const KEYS: &str = "
    select id, roles, scopes from api_keys
     where tenant_id = $1 and creator = $2 and revoke_time is null
     order by id for no key update";
const INVITATIONS: &str = "
    select id, roles, '{}'::text[] as scopes from invitations
     where tenant_id = $1 and state = 'open'
       and (inviter = $2 or inviter in (select 'apiKeys/' || id from api_keys
                                         where tenant_id = $1 and creator = $2))
     order by id for no key update";
const REVOKE_KEYS: &str = "update api_keys set revoke_time = now() where id = any($1)";
const REVOKE_INVITATIONS: &str = "
    update invitations set state = 'revoked', end_time = now() where id = any($1)";
const VOID: &str = "delete from activation_tokens where invitation_id = any($1)";
const GIVERS: &str = "
    select user_id, roles from memberships
     where tenant_id = $1 and state = 'active' and roles @> array[$2]
       and 'users/' || user_id in (select creator from api_keys where tenant_id = $1
                                   union all
                                   select inviter from invitations
                                    where tenant_id = $1 and state = 'open')
     order by user_id";

/// Something that was given.
struct Given {
    id: Uuid,
    roles: Vec<Role>,
    scopes: Vec<String>,
}

/// Takes back what a member gave and may not give by the roles that are left; all of
/// it where none are. Returns the keys among it, of which gateways must hear.
///
/// # Errors
/// If the database fails.
pub(crate) async fn withdraw(
    tx: &PublicTx,
    tenant: &TenantContext,
    member: UserId,
    left: Option<&[Role]>,
) -> Result<Vec<ApiKeyId>, Error> {
    let name = member.resource_name();
    let keys = beyond(tx, tenant.id(), (KEYS, &name), left).await?;
    let invitations = beyond(tx, tenant.id(), (INVITATIONS, &name), left).await?;
    if !keys.is_empty() {
        let ids: Vec<_> = keys.iter().map(|key| key.id).collect();
        tx.execute(REVOKE_KEYS, params![ids]).await?;
    }
    if !invitations.is_empty() {
        let ids: Vec<_> = invitations.iter().map(|offer| offer.id).collect();
        tx.execute(REVOKE_INVITATIONS, params![ids]).await?;
        tx.execute(VOID, params![ids]).await?;
    }
    let keys: Vec<_> = keys.iter().map(|key| ApiKeyId::from_uuid(key.id)).collect();
    for key in &keys {
        let key = ("api-keys.revoke", key.resource_name());
        record(tx, tenant, key, &name).await?;
    }
    for offer in invitations {
        let offer = ("invitations.revoke", format!("invitations/{}", offer.id));
        record(tx, tenant, offer, &name).await?;
    }
    Ok(keys)
}

/// Does as [`withdraw`] for everybody with a role that permits other things now.
///
/// # Errors
/// If the database fails.
pub(super) async fn withdraw_of_holders(
    tx: &PublicTx,
    tenant: &TenantContext,
    role: &RoleId,
) -> Result<Vec<ApiKeyId>, Error> {
    let id = tenant.id().as_uuid();
    let givers = tx.query(GIVERS, params![id, role.as_str()]).await?;
    let mut keys = Vec::new();
    for giver in &givers {
        let member = UserId::from_uuid(column(giver, "user_id")?);
        let left = roles(giver)?;
        keys.extend(withdraw(tx, tenant, member, Some(&left)).await?);
    }
    Ok(keys)
}

/// Reads what a member gave, and leaves out what the roles that are left may give.
async fn beyond(
    tx: &PublicTx,
    tenant: TenantId,
    (sql, member): (&'static str, &str),
    left: Option<&[Role]>,
) -> Result<Vec<Given>, Error> {
    let rows = tx.query(sql, params![tenant.as_uuid(), member]).await?;
    let given: Result<Vec<_>, Error> = rows.iter().map(read).collect();
    let mut given = given?;
    let Some(left) = left.filter(|_| !given.is_empty()) else {
        return Ok(given);
    };
    let named: BTreeSet<_> = given.iter().flat_map(|gift| &gift.roles).collect();
    let named: Vec<_> = named.into_iter().cloned().collect();
    let own = own(tx, tenant, &named).await?;
    let granted = granted(tx, tenant, left).await?;
    let authority = Authority::of_member(left, &granted);
    given.retain(|gift| !reaches_all(authority.over(&gift.scopes), &gift.roles, &own));
    Ok(given)
}

async fn record(
    tx: &PublicTx,
    tenant: &TenantContext,
    (action, resource): (&'static str, String),
    giver: &str,
) -> Result<(), Error> {
    let event = Event {
        action,
        resource,
        tenant: Some(tenant.id()),
        before: None,
        after: Some(json!({"state": "revoked", "no_longer_given_by": giver})),
    };
    audit::record(tx, &Actor::of(tenant.call()), event).await
}

fn read(row: &Row) -> Result<Given, Error> {
    Ok(Given {
        id: column(row, "id")?,
        roles: roles(row)?,
        scopes: column(row, "scopes")?,
    })
}

fn roles(row: &Row) -> Result<Vec<Role>, Error> {
    let names: Vec<String> = column(row, "roles")?;
    Ok(names.into_iter().map(Role::named).collect())
}
