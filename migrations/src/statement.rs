//! The few statements that making and migrating have in common.

use resido_proto::ids::TenantId;
use resido_tenancy::db::{PublicTx, Row, params};
use tokio_postgres::types::FromSql;

use crate::Error;

/// First key of every advisory lock of a tenant; the second is its number.
pub(crate) const TENANT_LOCKS: i32 = 0x5265_7301;
/// Key pair of the lock on the control plane's own tables.
pub(crate) const PUBLIC_LOCK: (i32, i32) = (0x5265_7302, 0);

const LOCK: &str = "select pg_try_advisory_xact_lock($1, $2) as locked";

const ADMIT: &str = "
    select pg_try_advisory_xact_lock($1, $2) as locked,
           (select state from tenants where id = $3) as state";
const SHARE: &str = "select pg_try_advisory_xact_lock_shared($1, $2) as locked";

/// Keeps migrations and the removal of a tenant away until the transaction ends;
/// several may at once.
///
/// # Errors
/// [`Error::Locked`] if another process works on the tenant, [`Error::Database`].
pub async fn keep(tx: &PublicTx, lock_no: i32) -> Result<(), Error> {
    let row = tx.query_one(SHARE, params![TENANT_LOCKS, lock_no]).await?;
    if column(&row, "locked")? {
        Ok(())
    } else {
        Err(Error::Locked)
    }
}

/// Takes an advisory lock until the transaction ends, without waiting.
pub(crate) async fn lock(tx: &PublicTx, class: i32, number: i32) -> Result<(), Error> {
    let row = tx.query_one(LOCK, params![class, number]).await?;
    if column(&row, "locked")? {
        Ok(())
    } else {
        Err(Error::Locked)
    }
}

/// Whose tenants are worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admits {
    /// Those in service: active, suspended, or in maintenance.
    InService,
    /// All, for one that is to come back.
    Everybody,
}

/// Takes a tenant's advisory lock, without waiting, and looks whether it is still
/// to be worked on.
pub(crate) async fn admit(
    tx: &PublicTx,
    (tenant, lock_no): (TenantId, i32),
    admits: Admits,
) -> Result<(), Error> {
    let id = tenant.as_uuid();
    let row = tx
        .query_one(ADMIT, params![TENANT_LOCKS, lock_no, id])
        .await?;
    if !column::<bool>(&row, "locked")? {
        return Err(Error::Locked);
    }
    let state: Option<String> = column(&row, "state")?;
    let serves = ["active", "suspended", "maintenance"];
    let is_served = state
        .as_deref()
        .is_some_and(|state| serves.contains(&state));
    match admits {
        Admits::InService if !is_served => Err(Error::NotServed { id: tenant, state }),
        _ => Ok(()),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "DDL takes no parameters; every name is quoted"
)]
pub(crate) async fn script(tx: &PublicTx, sql: &str) -> Result<(), Error> {
    Ok(tx.run_script(sql).await?)
}

pub(crate) fn column<'a, T: FromSql<'a>>(row: &'a Row, name: &str) -> Result<T, Error> {
    row.try_get(name)
        .map_err(|error| Error::Database(error.into()))
}
