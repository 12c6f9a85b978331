//! Ends operations that are not at work, and takes their tenants to where they
//! can be left.

use resido_proto::ids::OperationId;
use resido_tenancy::{
    db::{PublicDatabase, PublicTx},
    tenant::State,
};
use serde_json::json;

use super::{attempt::leave, model::OperationKind, outcome::CANCELLED, records, store};
use crate::{
    Error,
    audit::{self, Actor, Event},
};

/// Cancels an operation: a tenant that was to be made is `failed`, one that was to
/// be purged is what it was before.
///
/// # Errors
/// [`Error::OperationRunning`] if it is at work or has ended, or if the data to be
/// purged is gone: only the proof is left to do. [`Error::NotFound`].
pub(crate) async fn cancel(
    db: &PublicDatabase,
    actor: &Actor,
    id: OperationId,
) -> Result<(), Error> {
    let tx = db.begin(None).await?;
    let cancelled = cancel_in(&tx, actor, id).await;
    tx.finish(cancelled).await
}

async fn cancel_in(tx: &PublicTx, actor: &Actor, id: OperationId) -> Result<(), Error> {
    let Some(operation) = records::cancel(tx, id).await? else {
        // It tells which it is: one that there is not, or one that runs.
        records::get(tx, id).await?;
        return Err(Error::OperationRunning);
    };
    leave(tx, &operation, actor, CANCELLED).await?;
    // After the lock: a purge under way may have been faster.
    if operation.kind == OperationKind::Purge
        && store::get(tx, operation.tenant).await?.state == State::Purged
    {
        return Err(Error::OperationRunning);
    }
    let event = Event {
        action: "operations.cancel",
        resource: id.resource_name(),
        tenant: Some(operation.tenant),
        before: None,
        after: Some(json!({"kind": operation.kind.as_str()})),
    };
    audit::record(tx, actor, event).await
}
