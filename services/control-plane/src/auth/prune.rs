//! Drops what log-ins leave behind.

use resido_tenancy::db::{PublicTx, params};

use super::once;
use crate::{Error, attempts, sessions};

/// A token that was used stays as long as it alone tells that somebody has entered
/// the tenant.
const ACTIVATIONS: &str = "
    delete from activation_tokens
     where token_hash in (
           select a.token_hash from activation_tokens a
            where a.expire_time < now()
              and (a.use_time is null or a.invitation_id is not null
                   or exists (select from memberships m where m.tenant_id = a.tenant_id))
            order by a.expire_time limit 1000 for update skip locked)";

/// Drops tokens and counters that mean nothing any more, a thousand of each at
/// most.
///
/// # Errors
/// If the database fails.
pub(crate) async fn prune(tx: &PublicTx) -> Result<(), Error> {
    sessions::prune(tx).await?;
    once::prune(tx).await?;
    tx.execute(ACTIVATIONS, params![]).await?;
    attempts::prune(tx).await
}
