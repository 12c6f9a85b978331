//! Invitations in the control plane's tables.

use resido_proto::{email::Email, identity::Role, ids::TenantId, page::PageRequest};
use resido_tenancy::db::{PublicTx, Row, params};
use uuid::Uuid;

use super::model::{Invitation, MAX_OPEN, Offer};
use crate::{Error, row::column, users::model::roles};

/// Puts the columns of an invitation into a statement.
macro_rules! invitation {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            " id, email, roles, state, inviter, create_time, expire_time,
              expire_time <= now() as is_over ",
            $after
        )
    };
}

const IS_MEMBER: &str = "
    select 1 as one
      from memberships m join users u on u.id = m.user_id
     where m.tenant_id = $1 and u.email = $2";
const FORGET_OLD: &str = "
    delete from invitations
     where id in (select id from invitations
                   where tenant_id = $1 and state <> 'open'
                     and end_time < now() - interval '90 days'
                   limit 100)";
const COUNT: &str = "
    select count(*) as number from invitations
     where tenant_id = $1 and state = 'open' and email <> $2";
const OFFER: &str = invitation!(
    "insert into invitations (id, tenant_id, email, roles, inviter, validity, expire_time)
     values ($1, $2, $3, $4, $5, $6, now() + $6 * interval '1 second')
     on conflict (tenant_id, email) where state = 'open' do update
        set roles = excluded.roles, inviter = excluded.inviter, validity = excluded.validity,
            expire_time = excluded.expire_time
     returning",
    ""
);
const OPEN: &str = "
    select roles from invitations where tenant_id = $1 and email = $2 and state = 'open'";
const GET: &str = invitation!(
    "select",
    "from invitations where tenant_id = $1 and id = $2"
);
const LIST: &str = invitation!(
    "select",
    "from invitations
     where tenant_id = $1 and state = 'open'
       and ($2::timestamptz is null or (create_time, id) < ($2, $3))
     order by create_time desc, id desc
     limit $4"
);
const RENEW: &str = invitation!(
    "update invitations set expire_time = now() + validity * interval '1 second'
      where tenant_id = $1 and id = $2 and state = 'open'
     returning",
    ""
);
const REVOKE: &str = invitation!(
    "update invitations set state = 'revoked', end_time = now()
      where tenant_id = $1 and id = $2 and state = 'open'
     returning",
    ""
);
const VOID: &str = "delete from activation_tokens where invitation_id = $1";
const ACCEPT: &str = "
    update invitations set state = 'accepted', end_time = now()
     where tenant_id = $1 and email = $2 and state = 'open'
    returning id, roles, expire_time <= now() as is_over";

/// Whether the person with an address is a member.
pub(super) async fn is_member(
    tx: &PublicTx,
    tenant: TenantId,
    email: &Email,
) -> Result<bool, Error> {
    Ok(tx
        .query_opt(IS_MEMBER, params![tenant.as_uuid(), email.as_str()])
        .await?
        .is_some())
}

/// Reads the roles that an address is offered; none without an open invitation.
pub(super) async fn offered(
    tx: &PublicTx,
    tenant: TenantId,
    email: &Email,
) -> Result<Vec<Role>, Error> {
    let row = tx
        .query_opt(OPEN, params![tenant.as_uuid(), email.as_str()])
        .await?;
    row.map_or(Ok(Vec::new()), |row| Ok(roles(column(&row, "roles")?)))
}

/// Writes an invitation, or what it is now where the address has an open one. The
/// tenant's row is held.
///
/// # Errors
/// [`Error::Limit`] if there are a thousand others.
pub(super) async fn offer(
    tx: &PublicTx,
    tenant: TenantId,
    inviter: String,
    offer: &Offer,
) -> Result<Invitation, Error> {
    let id = tenant.as_uuid();
    tx.execute(FORGET_OLD, params![id]).await?;
    let others = tx
        .query_one(COUNT, params![id, offer.email.as_str()])
        .await?;
    if column::<i64>(&others, "number")? >= MAX_OPEN {
        return Err(Error::Limit("open invitations"));
    }
    let roles: Vec<_> = offer.roles.iter().map(ToString::to_string).collect();
    let (new, email) = (Uuid::now_v7(), offer.email.as_str());
    invitation(
        &tx.query_one(
            OFFER,
            params![new, id, email, roles, inviter, offer.validity],
        )
        .await?,
    )
}

/// Reads an invitation.
///
/// # Errors
/// [`Error::NotFound`], also for those of other tenants.
pub(super) async fn get(tx: &PublicTx, tenant: TenantId, id: Uuid) -> Result<Invitation, Error> {
    let row = tx.query_opt(GET, params![tenant.as_uuid(), id]).await?;
    invitation(&row.ok_or(Error::NotFound("invitation"))?)
}

/// Reads a page of the invitations that wait to be accepted, latest first, and one
/// row more.
pub(super) async fn list(
    tx: &PublicTx,
    tenant: TenantId,
    page: &PageRequest,
) -> Result<Vec<Invitation>, Error> {
    let created = page.after.map(|cursor| cursor.created());
    let id = page.after.map(|cursor| cursor.id);
    let rows = tx
        .query(LIST, params![tenant.as_uuid(), created, id, page.limit()])
        .await?;
    rows.iter().map(invitation).collect()
}

/// Makes an invitation good for as long again; none if it is not open.
pub(super) async fn renew(
    tx: &PublicTx,
    tenant: TenantId,
    id: Uuid,
) -> Result<Option<Invitation>, Error> {
    let row = tx.query_opt(RENEW, params![tenant.as_uuid(), id]).await?;
    row.as_ref().map(invitation).transpose()
}

/// Withdraws an invitation; none if it is not open.
pub(super) async fn revoke(
    tx: &PublicTx,
    tenant: TenantId,
    id: Uuid,
) -> Result<Option<Invitation>, Error> {
    let row = tx.query_opt(REVOKE, params![tenant.as_uuid(), id]).await?;
    row.as_ref().map(invitation).transpose()
}

/// Voids the tokens of an invitation.
pub(super) async fn void(tx: &PublicTx, id: Uuid) -> Result<(), Error> {
    tx.execute(VOID, params![id]).await?;
    Ok(())
}

/// Accepts what a tenant offers to an address, if it does, and returns the roles
/// that the invitation gives; none if it is not open, or over. Without an
/// invitation by which the person comes, whichever there is counts as accepted.
pub(in crate::users) async fn accept(
    tx: &PublicTx,
    tenant: TenantId,
    email: &Email,
    by: Option<Uuid>,
) -> Result<Option<Vec<String>>, Error> {
    let Some(row) = tx
        .query_opt(ACCEPT, params![tenant.as_uuid(), email.as_str()])
        .await?
    else {
        return Ok(None);
    };
    let id: Uuid = column(&row, "id")?;
    let is_good = by == Some(id) && !column::<bool>(&row, "is_over")?;
    is_good.then(|| column(&row, "roles")).transpose()
}

fn invitation(row: &Row) -> Result<Invitation, Error> {
    Ok(Invitation {
        id: column(row, "id")?,
        email: column(row, "email")?,
        roles: roles(column(row, "roles")?),
        standing: column::<&str>(row, "state")?.parse()?,
        inviter: column(row, "inviter")?,
        created: column(row, "create_time")?,
        expires: column(row, "expire_time")?,
        is_over: column(row, "is_over")?,
    })
}
