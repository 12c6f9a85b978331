//! Ends operations that are not at work, and takes their tenants to where they
//! can be left.

use resido_proto::ids::OperationId;
use resido_tenancy::db::{PublicDatabase, PublicTx};
use serde_json::json;

use super::{model::OperationKind, outcome::CANCELLED, provision, purge, records};
use crate::{
    Error,
    audit::{self, Actor, Event},
};

/// Cancels an operation: a tenant that was to be made is `failed`, one that was to
/// be purged is what it was before.
///
/// # Errors
/// [`Error::OperationRunning`] if it is at work or has ended,
/// [`Error::NotFound`].
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
    match operation.kind {
        OperationKind::Provision => {
            provision::give_up(tx, operation.tenant, actor, CANCELLED).await?;
        }
        OperationKind::Purge => purge::go_back(tx, &operation, actor, CANCELLED).await?,
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
