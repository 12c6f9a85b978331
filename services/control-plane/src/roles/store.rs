//! Roles in the control plane's tables.

use resido_proto::{ids::TenantId, page::PageRequest};
use resido_tenancy::db::{PublicTx, Row, params};

use super::model::{Draft, MAX_ROLES, Role, RoleId};
use crate::{Error, row::column};

/// Puts the columns of a role behind a statement.
macro_rules! role {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            " id, row_id, display_name, permissions, create_time, update_time, revision ",
            $after
        )
    };
}

const COUNT: &str = "select count(*) as number from roles where tenant_id = $1";
const INSERT: &str = role!(
    "insert into roles (tenant_id, id, display_name, permissions) values ($1, $2, $3, $4)
     returning",
    ""
);
const GET: &str = role!("select", "from roles where tenant_id = $1 and id = $2");
const LOCK: &str = role!(
    "select",
    "from roles where tenant_id = $1 and id = $2 for update"
);
const LIST: &str = role!(
    "select",
    "from roles
     where tenant_id = $1 and ($2::timestamptz is null or (create_time, row_id) > ($2, $3))
     order by create_time, row_id
     limit $4"
);
const UPDATE: &str = role!(
    "update roles
        set display_name = $3, permissions = $4, update_time = now(), revision = revision + 1
      where tenant_id = $1 and id = $2
     returning",
    ""
);
const DELETE: &str = "delete from roles where tenant_id = $1 and id = $2";
const IS_HELD: &str = "
    select exists (select from memberships where tenant_id = $1 and roles @> array[$2])
        or exists (select from invitations
                    where tenant_id = $1 and state = 'open' and roles @> array[$2])
        or exists (select from api_keys
                    where tenant_id = $1 and roles @> array[$2] and revoke_time is null
                      and (expire_time is null or expire_time > now())) as held";
/// In order, as everybody locks memberships.
const RENEW_HOLDERS: &str = "
    with holders as (
        select tenant_id, user_id from memberships
         where tenant_id = $1 and roles @> array[$2] order by user_id for no key update)
    update memberships m set epoch = nextval('membership_epochs')
      from holders
     where m.tenant_id = holders.tenant_id and m.user_id = holders.user_id";
/// A statement of its own: whoever writes the outbox waits for nobody after that.
const TELL_OF_HOLDERS: &str = "
    insert into outbox (tenant_id, user_id)
    select tenant_id, user_id from memberships where tenant_id = $1 and roles @> array[$2]";
const TELL_OF_KEYS: &str = "
    insert into outbox (tenant_id, api_key_id)
    select tenant_id, id from api_keys
     where tenant_id = $1 and roles @> array[$2] and revoke_time is null";

/// Writes a new role; the tenant's row is held.
///
/// # Errors
/// [`Error::RoleExists`]; [`Error::Limit`].
pub(super) async fn insert(
    tx: &PublicTx,
    tenant: TenantId,
    id: &RoleId,
    draft: &Draft,
) -> Result<Role, Error> {
    let count = tx.query_one(COUNT, params![tenant.as_uuid()]).await?;
    if column::<i64>(&count, "number")? >= MAX_ROLES {
        return Err(Error::Limit("roles"));
    }
    match tx
        .query_one(
            INSERT,
            params![
                tenant.as_uuid(),
                id.as_str(),
                draft.display_name,
                draft.permissions
            ],
        )
        .await
    {
        Err(error) if error.constraint() == Some("roles_pkey") => Err(Error::RoleExists),
        row => role(&row?),
    }
}

/// Reads a role.
///
/// # Errors
/// [`Error::NotFound`], also for roles of other tenants.
pub(super) async fn get(tx: &PublicTx, tenant: TenantId, id: &RoleId) -> Result<Role, Error> {
    one(tx, GET, tenant, id).await
}

/// Reads a role that is about to change: nobody can be given it until the
/// transaction ends.
///
/// # Errors
/// As [`get`].
pub(super) async fn lock(tx: &PublicTx, tenant: TenantId, id: &RoleId) -> Result<Role, Error> {
    one(tx, LOCK, tenant, id).await
}

async fn one(
    tx: &PublicTx,
    sql: &'static str,
    tenant: TenantId,
    id: &RoleId,
) -> Result<Role, Error> {
    let row = tx
        .query_opt(sql, params![tenant.as_uuid(), id.as_str()])
        .await?;
    role(&row.ok_or(Error::NotFound("role"))?)
}

/// Reads a page of a tenant's roles, and one row more.
pub(super) async fn list(
    tx: &PublicTx,
    tenant: TenantId,
    page: &PageRequest,
) -> Result<Vec<Role>, Error> {
    let created = page.after.map(|cursor| cursor.created());
    let id = page.after.map(|cursor| cursor.id);
    let rows = tx
        .query(LIST, params![tenant.as_uuid(), created, id, page.limit()])
        .await?;
    rows.iter().map(role).collect()
}

/// Changes a role.
pub(super) async fn update(
    tx: &PublicTx,
    tenant: TenantId,
    id: &RoleId,
    draft: &Draft,
) -> Result<Role, Error> {
    role(
        &tx.query_one(
            UPDATE,
            params![
                tenant.as_uuid(),
                id.as_str(),
                draft.display_name,
                draft.permissions
            ],
        )
        .await?,
    )
}

/// Voids the tokens of all who have a role, and what gateways know of keys that
/// have it.
pub(super) async fn renew_holders(
    tx: &PublicTx,
    tenant: TenantId,
    id: &RoleId,
) -> Result<(), Error> {
    let (tenant, id) = (tenant.as_uuid(), id.as_str());
    for statement in [RENEW_HOLDERS, TELL_OF_HOLDERS, TELL_OF_KEYS] {
        tx.execute(statement, params![tenant, id]).await?;
    }
    Ok(())
}

/// Whether anybody has a role, or is to have it.
pub(super) async fn is_held(tx: &PublicTx, tenant: TenantId, id: &RoleId) -> Result<bool, Error> {
    column(
        &tx.query_one(IS_HELD, params![tenant.as_uuid(), id.as_str()])
            .await?,
        "held",
    )
}

/// Deletes a role.
pub(super) async fn delete(tx: &PublicTx, tenant: TenantId, id: &RoleId) -> Result<(), Error> {
    tx.execute(DELETE, params![tenant.as_uuid(), id.as_str()])
        .await?;
    Ok(())
}

fn role(row: &Row) -> Result<Role, Error> {
    Ok(Role {
        id: column(row, "id")?,
        row: column(row, "row_id")?,
        display_name: column(row, "display_name")?,
        permissions: column(row, "permissions")?,
        created: column(row, "create_time")?,
        updated: column(row, "update_time")?,
        revision: column(row, "revision")?,
    })
}
