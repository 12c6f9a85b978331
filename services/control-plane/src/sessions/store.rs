//! Refresh tokens in the control plane's tables.

use resido_proto::ids::{TenantId, UserId};
use resido_tenancy::db::{PublicTx, params};
use uuid::Uuid;

use super::model::{Lives, Session};
use crate::{Error, row::column, tokens::Activation};

/// Log-ins of one person that go on at most; the oldest end.
const MAX_FAMILIES: i64 = 50;
/// Used tokens of a family that are remembered.
const MAX_REMEMBERED: i32 = 1000;

const LOCK_TENANT: &str = "select 1 as one from tenants where id = $1 for share";
const LOCK_USER: &str = "select 1 as one from users where id = $1 for no key update";
const FIND: &str = "
    select family, user_id, tenant_id, use_time is not null as is_spent
      from refresh_tokens where token_hash = $1";
const BEGIN: &str = "
    insert into refresh_tokens
           (token_hash, family, number, user_id, tenant_id, expire_time, end_time)
    values ($1, $2, 1, $3, $4,
            now() + least($5::int8, $6::int8) * interval '1 second',
            now() + $6::int8 * interval '1 second')";
/// Only one token of a family is unused, and so one row of each is counted.
const END_OLDEST: &str = "
    delete from refresh_tokens
     where family in (select family from refresh_tokens
                       where user_id = $1 and use_time is null and expire_time > now()
                       order by end_time desc, family desc offset $2)";
const USE: &str = "
    update refresh_tokens set use_time = now()
     where token_hash = $1 and use_time is null and expire_time > now()
    returning family, number";
const IS_USED: &str = "
    select 1 as one from refresh_tokens
     where token_hash = $1 and use_time is not null and expire_time > now()";
const RENEW: &str = "
    insert into refresh_tokens
           (token_hash, family, number, user_id, tenant_id, expire_time, end_time)
    select $2, family, number + 1, user_id, tenant_id,
           least(now() + $3::int8 * interval '1 second', end_time), end_time
      from refresh_tokens
     where token_hash = $1 and end_time > now()";
const FORGET_OLD: &str = "delete from refresh_tokens where family = $1 and number < $2";
const REVOKE_FAMILY: &str = "delete from refresh_tokens where family = $1";
const REVOKE_USER: &str = "delete from refresh_tokens where user_id = $1";
/// In order, as everybody locks memberships: by person, then by tenant.
const OUTDATE: &str = "
    with held as (
        select user_id, tenant_id from memberships
         where user_id = $1 order by tenant_id for no key update)
    update memberships m set epoch = nextval('membership_epochs')
      from held
     where m.user_id = held.user_id and m.tenant_id = held.tenant_id";
const OUTDATE_STAFF: &str = "
    update platform_roles set epoch = nextval('membership_epochs') where user_id = $1";
const REVOKE_MEMBER: &str = "delete from refresh_tokens where user_id = $1 and tenant_id = $2";
const REVOKE_TENANT: &str = "delete from refresh_tokens where tenant_id = $1";
const PRUNE: &str = "
    delete from refresh_tokens
     where token_hash in (select token_hash from refresh_tokens where expire_time < now()
                           order by expire_time limit 1000 for update skip locked)";

/// What came of using a token.
pub(crate) enum Renewed {
    /// It was good; this is the next one.
    Next(String),
    /// It was used before: the family must end.
    Again,
    /// It is expired, or its family has ended.
    Void,
}

/// Locks what a token is about to be made for, so that nobody ends its family, or
/// changes the tenant, at the same time. The tenant first, as everybody does.
pub(crate) async fn hold(
    tx: &PublicTx,
    user: UserId,
    tenant: Option<TenantId>,
) -> Result<(), Error> {
    if let Some(tenant) = tenant {
        tx.query_opt(LOCK_TENANT, params![tenant.as_uuid()]).await?;
    }
    lock(tx, user).await
}

/// Returns the log-in that a token belongs to.
pub(crate) async fn find(tx: &PublicTx, token: &[u8]) -> Result<Option<Session>, Error> {
    let row = tx.query_opt(FIND, params![token]).await?;
    row.map(|row| {
        let tenant: Option<Uuid> = column(&row, "tenant_id")?;
        Ok(Session {
            family: column(&row, "family")?,
            user: UserId::from_uuid(column(&row, "user_id")?),
            tenant: tenant.map(TenantId::from_uuid),
            is_spent: column(&row, "is_spent")?,
        })
    })
    .transpose()
}

/// Begins a family and returns its first token. [`hold`] comes before.
pub(crate) async fn begin(
    tx: &PublicTx,
    user: UserId,
    tenant: Option<TenantId>,
    lives: Lives,
) -> Result<String, Error> {
    let token = Activation::generate()?;
    let tenant = tenant.map(|tenant| tenant.as_uuid());
    let (family, user) = (Uuid::now_v7(), user.as_uuid());
    tx.execute(
        BEGIN,
        params![token.hash(), family, user, tenant, lives.token, lives.login],
    )
    .await?;
    tx.execute(END_OLDEST, params![user, MAX_FAMILIES]).await?;
    Ok(token.into_text())
}

/// Uses a token up, and makes the next one where it was good. [`hold`] comes
/// before.
pub(crate) async fn renew(tx: &PublicTx, hash: &[u8], lives: Lives) -> Result<Renewed, Error> {
    let Some(row) = tx.query_opt(USE, params![hash]).await? else {
        let used = tx.query_opt(IS_USED, params![hash]).await?;
        return Ok(used.map_or(Renewed::Void, |_| Renewed::Again));
    };
    let token = Activation::generate()?;
    if tx
        .execute(RENEW, params![hash, token.hash(), lives.token])
        .await?
        == 0
    {
        return Ok(Renewed::Void);
    }
    let (family, number): (Uuid, i32) = (column(&row, "family")?, column(&row, "number")?);
    let oldest = number.saturating_sub(MAX_REMEMBERED);
    tx.execute(FORGET_OLD, params![family, oldest]).await?;
    Ok(Renewed::Next(token.into_text()))
}

/// Ends one log-in.
///
/// # Errors
/// If the database fails.
pub(crate) async fn revoke_family(tx: &PublicTx, session: &Session) -> Result<(), Error> {
    lock(tx, session.user).await?;
    tx.execute(REVOKE_FAMILY, params![session.family]).await?;
    Ok(())
}

/// Ends all log-ins of a person, and voids the access tokens that came from them;
/// gateways refuse those once [`outbox::person_changed`](crate::outbox) tells them.
///
/// # Errors
/// If the database fails.
pub(crate) async fn revoke_user(tx: &PublicTx, user: UserId) -> Result<(), Error> {
    lock(tx, user).await?;
    let user = user.as_uuid();
    tx.execute(REVOKE_USER, params![user]).await?;
    tx.execute(OUTDATE, params![user]).await?;
    tx.execute(OUTDATE_STAFF, params![user]).await?;
    Ok(())
}

/// Ends all log-ins of a person in one tenant.
///
/// # Errors
/// If the database fails.
pub(crate) async fn revoke_member(
    tx: &PublicTx,
    tenant: TenantId,
    user: UserId,
) -> Result<(), Error> {
    lock(tx, user).await?;
    tx.execute(REVOKE_MEMBER, params![user.as_uuid(), tenant.as_uuid()])
        .await?;
    Ok(())
}

/// Ends all log-ins in a tenant, whose row the caller has changed or locked.
///
/// # Errors
/// If the database fails.
pub(crate) async fn revoke_tenant(tx: &PublicTx, tenant: TenantId) -> Result<(), Error> {
    tx.execute(REVOKE_TENANT, params![tenant.as_uuid()]).await?;
    Ok(())
}

/// Drops tokens that have expired, a thousand at most.
///
/// # Errors
/// If the database fails.
pub(crate) async fn prune(tx: &PublicTx) -> Result<(), Error> {
    tx.execute(PRUNE, params![]).await?;
    Ok(())
}

async fn lock(tx: &PublicTx, user: UserId) -> Result<(), Error> {
    tx.query_opt(LOCK_USER, params![user.as_uuid()]).await?;
    Ok(())
}
