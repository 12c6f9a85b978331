//! Takes what was applied for what the files are now: for files that were edited
//! in a way that changes nothing, such as a comment.

use resido_proto::ids::TenantId;
use resido_tenancy::db::{PublicTx, params};

use crate::{
    Error, Sets, change, history,
    statement::{TENANT_LOCKS, lock},
};

const ACCEPT: &str = "update _migrations set checksum = $2 where version = $1";

/// Gives the history of a tenant the checksums of the files and returns the
/// versions whose checksum differed, in the caller's transaction.
///
/// # Errors
/// [`Error::Locked`] if another process works on the tenant, [`Error::Database`].
pub async fn accept(
    tx: &PublicTx,
    sets: &Sets,
    (tenant, lock_no): (TenantId, i32),
) -> Result<Vec<i64>, Error> {
    let set = &sets.tenant;
    lock(tx, TENANT_LOCKS, lock_no).await?;
    tx.enter_tenant(tenant).await?;
    let applied = history::read(&tx.query(history::HISTORY, params![]).await?)?;
    let mut accepted = Vec::new();
    for row in &applied {
        let file = set.find(row.version);
        if let Some(file) = file.filter(|file| row.done && file.checksum != row.checksum) {
            tx.execute(ACCEPT, params![row.version, file.checksum])
                .await?;
            accepted.push(row.version);
        }
    }
    change::settle(tx, set, tenant, history::reached(&applied, None)).await?;
    Ok(accepted)
}
