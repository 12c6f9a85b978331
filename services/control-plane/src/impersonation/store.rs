//! Whom an operator may act as, in the control plane's tables.

use resido_proto::ids::{TenantId, UserId};
use resido_tenancy::{
    db::{PublicTx, params},
    tenant::{Selector, State},
};
use uuid::Uuid;

use super::model::Person;
use crate::{Error, row::column};

const TENANT: &str = "
    select id, state from tenants
     where ($1::uuid is null or id = $1) and ($2::text is null or slug = $2
            or exists (select from tenant_aliases a
                        where a.tenant_id = tenants.id and a.slug = $2 and a.expire_time > now()))
       and state not in ('purged', 'failed')";
const MEMBER: &str = "
    select u.id, exists (select from platform_roles p where p.user_id = u.id) as is_staff
      from memberships m join users u on u.id = m.user_id
     where m.tenant_id = $1 and m.state = 'active'
       and ($2::uuid is null or u.id = $2) and ($3::text is null or u.email = $3)";
const STAFF_EPOCH: &str = "select epoch from platform_roles where user_id = $1";

/// Finds a tenant that takes calls.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::TenantState`] if it takes none at present.
pub(super) async fn tenant(tx: &PublicTx, selector: &Selector) -> Result<TenantId, Error> {
    let (id, slug) = match selector {
        Selector::Id(id) => (Some(id.as_uuid()), None),
        Selector::Slug(slug) => (None, Some(slug.as_str())),
    };
    let row = tx.query_opt(TENANT, params![id, slug]).await?;
    let row = row.ok_or(Error::NotFound("tenant"))?;
    let state: State = column::<&str>(&row, "state")?
        .parse()
        .map_err(|_| Error::Fault("a stored state is unknown"))?;
    if !matches!(state, State::Active | State::Maintenance) {
        return Err(Error::TenantState(state));
    }
    Ok(TenantId::from_uuid(column::<Uuid>(&row, "id")?))
}

/// Finds an active member of a tenant.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Impersonated`] for staff of the platform.
pub(super) async fn member(
    tx: &PublicTx,
    tenant: TenantId,
    person: &Person,
) -> Result<UserId, Error> {
    let (id, email) = match person {
        Person::Id(id) => (Some(id.as_uuid()), None),
        Person::Email(email) => (None, Some(email.as_str())),
    };
    let row = tx
        .query_opt(MEMBER, params![tenant.as_uuid(), id, email])
        .await?;
    let row = row.ok_or(Error::NotFound("user"))?;
    if column::<bool>(&row, "is_staff")? {
        return Err(Error::Impersonated);
    }
    Ok(UserId::from_uuid(column::<Uuid>(&row, "id")?))
}

/// Reads the epoch of what somebody is on the platform; zero for nobody there, whom
/// gateways refuse once they hear so.
pub(super) async fn staff_epoch(tx: &PublicTx, user: UserId) -> Result<i64, Error> {
    let row = tx.query_opt(STAFF_EPOCH, params![user.as_uuid()]).await?;
    row.map_or(Ok(0), |row| column(&row, "epoch"))
}
