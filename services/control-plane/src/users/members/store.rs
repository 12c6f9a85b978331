//! Memberships that change, in the control plane's tables. The tenant's row is
//! held throughout.

use resido_proto::{
    identity::Role,
    ids::{TenantId, UserId},
};
use resido_tenancy::db::{PublicTx, params};

use crate::{Error, row::column};

/// Another epoch each time: the tokens of before are void.
const SET: &str = "
    update memberships
       set roles = $3, state = $4, epoch = nextval('membership_epochs')
     where tenant_id = $1 and user_id = $2";
const OTHER_OWNER: &str = "
    select exists (select from memberships
                    where tenant_id = $1 and user_id <> $2 and state = 'active'
                      and roles @> array['owner']) as there";
const REMOVE: &str = "delete from memberships where tenant_id = $1 and user_id = $2";
/// Whoever makes the person a member elsewhere at this moment waits, and finds
/// nobody.
const LOCK_USER: &str = "select 1 as one from users where id = $1 for update";
const BELONGS: &str = "
    select exists (select from memberships where user_id = $1)
        or exists (select from platform_roles where user_id = $1) as there";
const BELONGS_ELSEWHERE: &str = "
    select exists (select from memberships where user_id = $2 and tenant_id <> $1)
        or exists (select from platform_roles where user_id = $2) as there";
const FORGET: &str = "delete from users where id = $1";

/// Sets what a member may do, and voids the tokens of before.
pub(super) async fn set(
    tx: &PublicTx,
    tenant: TenantId,
    user: UserId,
    (roles, state): (&[Role], &str),
) -> Result<(), Error> {
    let roles: Vec<_> = roles.iter().map(ToString::to_string).collect();
    tx.execute(SET, params![tenant.as_uuid(), user.as_uuid(), roles, state])
        .await?;
    Ok(())
}

/// Makes sure that a tenant has an owner who may log in, beside a member.
///
/// # Errors
/// [`Error::LastOwner`].
pub(super) async fn has_other_owner(
    tx: &PublicTx,
    tenant: TenantId,
    user: UserId,
) -> Result<(), Error> {
    let row = tx
        .query_one(OTHER_OWNER, params![tenant.as_uuid(), user.as_uuid()])
        .await?;
    if column::<bool>(&row, "there")? {
        Ok(())
    } else {
        Err(Error::LastOwner)
    }
}

/// Ends a membership.
pub(super) async fn remove(tx: &PublicTx, tenant: TenantId, user: UserId) -> Result<(), Error> {
    tx.execute(REMOVE, params![tenant.as_uuid(), user.as_uuid()])
        .await?;
    Ok(())
}

/// Forgets a person who belongs nowhere; true if so.
pub(super) async fn forget(tx: &PublicTx, user: UserId) -> Result<bool, Error> {
    let user = user.as_uuid();
    tx.query_opt(LOCK_USER, params![user]).await?;
    // A statement of its own: it sees what others did before the lock was got.
    let row = tx.query_one(BELONGS, params![user]).await?;
    if column::<bool>(&row, "there")? {
        return Ok(false);
    }
    tx.execute(FORGET, params![user]).await?;
    Ok(true)
}

/// Whether a person is somebody to others than this tenant.
pub(in crate::users) async fn belongs_elsewhere(
    tx: &PublicTx,
    tenant: TenantId,
    user: UserId,
) -> Result<bool, Error> {
    column(
        &tx.query_one(BELONGS_ELSEWHERE, params![tenant.as_uuid(), user.as_uuid()])
            .await?,
        "there",
    )
}
