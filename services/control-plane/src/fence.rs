//! Refuses calls that were let in before their tenant last changed, as the fence
//! of the tenant's schema does.

use resido_proto::identity::Mode;
use resido_tenancy::{
    context::TenantContext,
    db::{self, PublicTx, params},
};

use crate::{Error, row::column};

const EPOCH: &str = "select epoch from tenants where id = $1";
const LOCK: &str = "select epoch from tenants where id = $1 for no key update";

/// Refuses a context that is older than the tenant's epoch.
///
/// # Errors
/// [`db::Error::TenantChanged`], or [`Error::TenantDenied`] if the tenant is gone.
pub(crate) async fn check(tx: &PublicTx, tenant: &TenantContext) -> Result<(), Error> {
    compare(tx, EPOCH, tenant).await
}

/// Does as [`check`], and keeps others that lock or change the tenant waiting
/// until the transaction ends.
///
/// # Errors
/// As [`check`], and [`db::Error::ReadOnly`] if the tenant takes no changes.
pub(crate) async fn lock(tx: &PublicTx, tenant: &TenantContext) -> Result<(), Error> {
    if tenant.mode() == Mode::ReadOnly {
        return Err(db::Error::ReadOnly.into());
    }
    compare(tx, LOCK, tenant).await
}

/// Does as [`lock`] whether or not the tenant takes changes: to stop what leaked
/// must not wait.
///
/// # Errors
/// As [`check`].
pub(crate) async fn hold(tx: &PublicTx, tenant: &TenantContext) -> Result<(), Error> {
    compare(tx, LOCK, tenant).await
}

async fn compare(tx: &PublicTx, sql: &'static str, tenant: &TenantContext) -> Result<(), Error> {
    let row = tx.query_opt(sql, params![tenant.id().as_uuid()]).await?;
    let row = row.ok_or(Error::TenantDenied)?;
    if column::<i64>(&row, "epoch")? > tenant.epoch() {
        return Err(db::Error::TenantChanged.into());
    }
    Ok(())
}
