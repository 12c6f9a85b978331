//! Drops what log-ins leave behind.

use resido_tenancy::db::PublicTx;

use super::once;
use crate::{Error, attempts, sessions};

/// Drops tokens and counters that mean nothing any more, a thousand of each at
/// most.
///
/// # Errors
/// If the database fails.
pub(crate) async fn prune(tx: &PublicTx) -> Result<(), Error> {
    sessions::prune(tx).await?;
    once::prune(tx).await?;
    attempts::prune(tx).await
}
