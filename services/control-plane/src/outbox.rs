//! Tells gateways of changes, in the transaction that makes them.
//!
//! The table's triggers keep its order and notify whoever listens. Its rows are
//! written last, for the writer holds a lock from here to the end of its
//! transaction.

use resido_proto::ids::{ApiKeyId, TenantId, UserId};
use resido_tenancy::db::{PublicTx, params};

use crate::Error;

const TENANT: &str = "insert into outbox (tenant_id) values ($1)";
const MEMBERSHIP: &str = "insert into outbox (tenant_id, user_id) values ($1, $2)";
const API_KEYS: &str = "
    insert into outbox (tenant_id, api_key_id) select $1::uuid, unnest($2::uuid[])";
const PERSON: &str = "
    insert into outbox (tenant_id, user_id)
    select tenant_id, user_id from memberships where user_id = $1
    union all
    select null, user_id from platform_roles where user_id = $1";
const API_KEY: &str = "insert into outbox (tenant_id, api_key_id) values ($1, $2)";
/// The newest row stays: its number says how far the stream has come.
const PRUNE: &str = "
    delete from outbox
     where at < now() - interval '1 day' and id < (select max(id) from outbox)";

/// The channel that the table notifies.
pub(crate) const CHANNEL: &str = "tenant_changed";

/// Says that a tenant changed.
///
/// # Errors
/// If the database fails, or another writer does not end in time.
pub(crate) async fn tenant_changed(tx: &PublicTx, tenant: TenantId) -> Result<(), Error> {
    tx.execute(TENANT, params![tenant.as_uuid()]).await?;
    Ok(())
}

/// Says that a membership began, changed or ended.
///
/// # Errors
/// As [`tenant_changed`].
pub(crate) async fn membership_changed(
    tx: &PublicTx,
    tenant: TenantId,
    user: UserId,
) -> Result<(), Error> {
    let (tenant, user) = (tenant.as_uuid(), user.as_uuid());
    tx.execute(MEMBERSHIP, params![tenant, user]).await?;
    Ok(())
}

/// Says that everything a person may do changed: each membership, and what they are
/// on the platform.
///
/// # Errors
/// As [`tenant_changed`].
pub(crate) async fn person_changed(tx: &PublicTx, user: UserId) -> Result<(), Error> {
    tx.execute(PERSON, params![user.as_uuid()]).await?;
    Ok(())
}

/// Says that an API key was made, changed or revoked.
///
/// # Errors
/// As [`tenant_changed`].
pub(crate) async fn api_key_changed(
    tx: &PublicTx,
    tenant: TenantId,
    key: ApiKeyId,
) -> Result<(), Error> {
    let (tenant, key) = (tenant.as_uuid(), key.as_uuid());
    tx.execute(API_KEY, params![tenant, key]).await?;
    Ok(())
}

/// Does as [`api_key_changed`] for several keys.
///
/// # Errors
/// As [`tenant_changed`].
pub(crate) async fn api_keys_changed(
    tx: &PublicTx,
    tenant: TenantId,
    keys: &[ApiKeyId],
) -> Result<(), Error> {
    if keys.is_empty() {
        return Ok(());
    }
    let keys: Vec<_> = keys.iter().map(ApiKeyId::as_uuid).collect();
    tx.execute(API_KEYS, params![tenant.as_uuid(), keys])
        .await?;
    Ok(())
}

/// Forgets what is a day old: who was away for longer reads the whole state.
///
/// # Errors
/// If the database fails.
pub(crate) async fn prune(tx: &PublicTx) -> Result<(), Error> {
    tx.execute(PRUNE, params![]).await?;
    Ok(())
}
