//! The few statements that making and migrating have in common.

use resido_tenancy::db::{PublicTx, Row, params};
use tokio_postgres::types::FromSql;

use crate::Error;

/// First key of every advisory lock of a tenant; the second is its number.
pub(crate) const TENANT_LOCKS: i32 = 0x5265_7301;
/// Key pair of the lock on the control plane's own tables.
pub(crate) const PUBLIC_LOCK: (i32, i32) = (0x5265_7302, 0);

const LOCK: &str = "select pg_try_advisory_xact_lock($1, $2) as locked";

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
