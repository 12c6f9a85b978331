//! What a log-in reads and writes.

use std::time::SystemTime;

use resido_proto::ids::{TenantId, UserId};
use resido_tenancy::{
    db::{PublicTx, Row, params},
    tenant::Selector,
};
use uuid::Uuid;

use super::model::{Door, Staff, Way, again};
use crate::{
    Error,
    roles::{self, Grants},
    row::column,
    users,
};

/// More memberships of one person than these are not looked at.
const MAX_DOORS: i64 = 1000;

const DOORS: &str = "
    select t.id, coalesce($3, t.slug) as slug, t.state as tenant_state, m.roles, m.state, m.epoch, m.create_time
      from memberships m join tenants t on t.id = m.tenant_id
     where m.user_id = $1
       and ($2::uuid is null or t.id = $2) and ($3::text is null or t.slug = $3
            or exists (select from tenant_aliases a
                        where a.tenant_id = t.id and a.slug = $3 and a.expire_time > now()))
     order by t.slug, t.id
     limit $4";
const PLATFORM: &str = "select roles, epoch from platform_roles where user_id = $1";
const LOGGED_IN: &str = "
    update users set last_login_time = now()
     where id = $1 and password_hash = $2
    returning last_login_time";
const STRENGTHEN: &str = "update users set password_hash = $2 where id = $1";
const CHANGE_PASSWORD: &str = "
    update users set password_hash = $3, revision = revision + 1
     where id = $1 and password_hash = $2";
const RESET_PASSWORD: &str = "
    update users
       set password_hash = $2, revision = revision + 1,
           email_verify_time = coalesce(email_verify_time, now())
     where id = $1
    returning email";

/// Reads a person's memberships by slug, or only that in the tenant selected.
pub(super) async fn doors(
    tx: &PublicTx,
    user: UserId,
    selector: Option<&Selector>,
) -> Result<Vec<Door>, Error> {
    let (id, slug) = match selector {
        None => (None, None),
        Some(Selector::Id(id)) => (Some(id.as_uuid()), None),
        Some(Selector::Slug(slug)) => (None, Some(slug.as_str())),
    };
    let rows = tx
        .query(DOORS, params![user.as_uuid(), id, slug, MAX_DOORS])
        .await?;
    rows.iter().map(door).collect()
}

/// Reads what a person is on the platform; none without a role.
pub(super) async fn staff(tx: &PublicTx, user: UserId) -> Result<Option<Staff>, Error> {
    let row = tx.query_opt(PLATFORM, params![user.as_uuid()]).await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let staff = Staff {
        roles: users::roles(column(&row, "roles")?),
        epoch: column(&row, "epoch")?,
    };
    Ok(Some(staff).filter(|staff| !staff.roles.is_empty()))
}

/// Reads the way that a log-in took, as it is now.
///
/// # Errors
/// As [`again`].
pub(super) async fn way(
    tx: &PublicTx,
    user: UserId,
    tenant: Option<TenantId>,
) -> Result<Way, Error> {
    let doors = match tenant.map(Selector::Id) {
        Some(selector) => doors(tx, user, Some(&selector)).await?,
        None => Vec::new(),
    };
    let staff = staff(tx, user).await?;
    again(tenant, doors, staff)
}

/// Records a log-in and returns its time; none if the password was changed since
/// it was checked.
pub(super) async fn logged_in(
    tx: &PublicTx,
    user: UserId,
    hash: &str,
) -> Result<Option<SystemTime>, Error> {
    let row = tx
        .query_opt(LOGGED_IN, params![user.as_uuid(), hash])
        .await?;
    row.map(|row| column(&row, "last_login_time")).transpose()
}

/// Reads what the roles of a way come to; the way was read before.
pub(super) async fn grants(tx: &PublicTx, way: &Way) -> Result<Grants, Error> {
    match way {
        Way::Tenant(door) => roles::granted(tx, door.tenant, &door.membership.roles).await,
        Way::Platform(_) => Ok(Grants::default()),
    }
}

/// Keeps a stronger hash of the same password, which [`logged_in`] found
/// unchanged.
pub(super) async fn strengthen(tx: &PublicTx, user: UserId, hash: &str) -> Result<(), Error> {
    tx.execute(STRENGTHEN, params![user.as_uuid(), hash])
        .await?;
    Ok(())
}

/// Gives a person another password; false if it was changed since it was checked.
pub(super) async fn change_password(
    tx: &PublicTx,
    user: UserId,
    old: &str,
    new: &str,
) -> Result<bool, Error> {
    Ok(tx
        .execute(CHANGE_PASSWORD, params![user.as_uuid(), old, new])
        .await?
        == 1)
}

/// Gives a person who has proved the address another password, and returns the
/// address.
pub(super) async fn reset_password(
    tx: &PublicTx,
    user: UserId,
    hash: &str,
) -> Result<String, Error> {
    let row = tx
        .query_opt(RESET_PASSWORD, params![user.as_uuid(), hash])
        .await?;
    column(&row.ok_or(Error::Token)?, "email")
}

fn door(row: &Row) -> Result<Door, Error> {
    let state: &str = column(row, "tenant_state")?;
    Ok(Door {
        tenant: TenantId::from_uuid(column::<Uuid>(row, "id")?),
        slug: column(row, "slug")?,
        state: state
            .parse()
            .map_err(|_| Error::Fault("a stored state is unknown"))?,
        membership: users::Membership {
            roles: users::roles(column(row, "roles")?),
            state: column::<&str>(row, "state")?.parse()?,
            epoch: column(row, "epoch")?,
            created: column(row, "create_time")?,
        },
    })
}
