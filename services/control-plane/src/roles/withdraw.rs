//! What members gave ends when they may give it no more: the API keys they made or
//! know a secret of, and their invitations that are open, those by these keys
//! included. The invitations of a key end with it.
//!
//! The tenant's row is held throughout: nobody gives anything meanwhile.

use std::collections::BTreeSet;

use resido_proto::{
    identity::{Role, Subject},
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
     where tenant_id = $1 and revoke_time is null
       and ($2 in (creator, issuer) or old_issuer = $2 and overlap_end_time > now())
     order by id for no key update";
const INVITATIONS: &str = "
    select id, roles, '{}'::text[] as scopes from invitations
     where tenant_id = $1 and state = 'open'
       and (inviter = $2 or inviter in (select 'apiKeys/' || id from api_keys
                                         where tenant_id = $1
                                           and $2 in (creator, issuer, old_issuer)))
     order by id for no key update";
const INVITATIONS_OF: &str = "
    select id from invitations
     where tenant_id = $1 and state = 'open' and inviter = $2
     order by id for no key update";
const REVOKE_KEYS: &str = "update api_keys set revoke_time = now() where id = any($1)";
const REVOKE_INVITATIONS: &str = "
    update invitations set state = 'revoked', end_time = now() where id = any($1)";
const VOID: &str = "delete from activation_tokens where invitation_id = any($1)";
const GIVERS: &str = "
    with made as (
        select 'apiKeys/' || id as key, roles, revoke_time is null as works,
               unnest(array[creator, issuer, old_issuer]) as giver
          from api_keys where tenant_id = $1),
    offers as (
        select inviter, roles from invitations where tenant_id = $1 and state = 'open'),
    given as (
        select giver, roles from made where works
        union all
        select inviter, roles from offers
        union all
        select made.giver, offers.roles from offers join made on made.key = offers.inviter)
    select user_id, roles from memberships m
     where tenant_id = $1 and state = 'active'
       and exists (select from given g
                    where g.giver = 'users/' || m.user_id
                      and (m.roles @> array[$2] or g.roles @> array[$2]))
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
    let offers = invitations.iter().map(|offer| offer.id).collect();
    end_invitations(tx, tenant, offers, &name).await?;
    let keys: Vec<_> = keys.iter().map(|key| ApiKeyId::from_uuid(key.id)).collect();
    for key in &keys {
        let revoked = ("api-keys.revoke", key.resource_name());
        record(tx, tenant, revoked, &name).await?;
        withdraw_of_key(tx, tenant, *key).await?;
    }
    Ok(keys)
}

/// Takes back the invitations of a key that works no more. The tenant's row is held.
///
/// # Errors
/// If the database fails.
pub(crate) async fn withdraw_of_key(
    tx: &PublicTx,
    tenant: &TenantContext,
    key: ApiKeyId,
) -> Result<(), Error> {
    let name = Subject::ApiKey(key.to_string()).to_string();
    let id = tenant.id().as_uuid();
    let rows = tx.query(INVITATIONS_OF, params![id, name]).await?;
    let offers: Result<Vec<_>, _> = rows.iter().map(|row| column(row, "id")).collect();
    end_invitations(tx, tenant, offers?, &name).await
}

async fn end_invitations(
    tx: &PublicTx,
    tenant: &TenantContext,
    ids: Vec<Uuid>,
    giver: &str,
) -> Result<(), Error> {
    if ids.is_empty() {
        return Ok(());
    }
    tx.execute(REVOKE_INVITATIONS, params![ids]).await?;
    tx.execute(VOID, params![ids]).await?;
    for id in ids {
        let revoked = ("invitations.revoke", format!("invitations/{id}"));
        record(tx, tenant, revoked, giver).await?;
    }
    Ok(())
}

/// Does as [`withdraw`] for everybody with a role that permits other things now, and
/// for everybody who gave it.
///
/// # Errors
/// If the database fails.
pub(super) async fn withdraw_of_givers(
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
