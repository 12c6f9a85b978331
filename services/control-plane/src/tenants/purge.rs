//! Removes a tenant's data for good: schema, roles and rows in one transaction,
//! then a look, in another, that they are gone.
//!
//! A tenant is `purging` from the call on. What fails leaves it so, with an
//! operation that is taken up again; what is refused, or fails for good, takes it
//! back to where it was, for nothing was touched. One that was never finished
//! stays `failed` meanwhile: its slug may be somebody else's by now.

use std::time::Duration;

use resido_migrations::{self as migrations, Fence};
use resido_proto::{
    error::Violation,
    ids::{OperationId, TenantId},
};
use resido_tenancy::{db, db::PublicTx, tenant::State};
use serde_json::json;
use tokio::{sync::OwnedSemaphorePermit, task::JoinHandle};

use super::{
    model::{Operation, OperationKind, Tenant},
    operations::{self, Asked},
    purge_store,
    queue::Queue,
    store,
};
use crate::{
    Error,
    audit::{self, Actor, Event},
    faults::{Faults, Step},
    outbox,
};

/// Time of one statement at most.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(60);
/// Times that one attempt meets locks before it rests.
const TRIES: u32 = 3;
/// How long an attempt waits after it met a lock, times the tries so far.
const PAUSE: Duration = Duration::from_millis(200);

/// Removes tenants' data; clones share the bounds.
#[derive(Clone)]
pub(crate) struct Purger {
    queue: Queue,
}

/// What became of the wish to purge a tenant.
pub(super) enum Begun {
    /// An operation whose lease is ours.
    New(Operation),
    /// One is under way.
    Known(Operation),
}

impl Purger {
    /// Works in a queue of its own.
    pub(crate) fn new(queue: Queue) -> Self {
        Self { queue }
    }

    /// Takes a place in the queue.
    ///
    /// # Errors
    /// As [`Queue::place`].
    pub(super) fn place(&self) -> Result<OwnedSemaphorePermit, Error> {
        self.queue.place()
    }

    /// Returns where a process is made to die.
    pub(super) fn faults(&self) -> &Faults {
        &self.queue.faults
    }

    /// Commits to the purge of a tenant; `confirm` must be its slug, if somebody
    /// asks.
    pub(super) async fn begin(
        &self,
        actor: &Actor,
        tenant: TenantId,
        confirm: Option<&str>,
    ) -> Result<Begun, Error> {
        let tx = self.queue.db.begin(None).await?;
        let begun = begin_in(&tx, actor, (tenant, confirm), self.queue.lease()).await;
        tx.finish(begun).await
    }

    /// Starts the work; it goes on whether or not anybody waits for its end.
    pub(super) fn start(
        &self,
        operation: Operation,
        actor: Actor,
        place: OwnedSemaphorePermit,
    ) -> JoinHandle<Result<(), Error>> {
        let purger = self.clone();
        self.queue.start(place, async move {
            let purge = Box::pin(purger.purge(&operation, &actor));
            Box::pin(purger.queue.attempt(&operation, purge)).await
        })
    }

    async fn purge(&self, operation: &Operation, actor: &Actor) -> Result<(), Error> {
        let mut tries = 1;
        while let Err(error) = self.remove(operation, actor).await {
            if tries == TRIES || !is_passing(&error) {
                return Err(error);
            }
            tokio::time::sleep(PAUSE * tries).await;
            tries += 1;
        }
        self.faults().pass(Step::Purged).await;
        self.prove(operation).await?;
        self.faults().pass(Step::Proved).await;
        Ok(())
    }

    /// Removes everything, unless an earlier attempt has.
    async fn remove(&self, operation: &Operation, actor: &Actor) -> Result<(), Error> {
        let tx = self.queue.db.begin_long(STATEMENT_TIMEOUT).await?;
        let removed = Box::pin(self.remove_in(&tx, operation, actor)).await;
        tx.finish(removed).await
    }

    async fn remove_in(
        &self,
        tx: &PublicTx,
        operation: &Operation,
        actor: &Actor,
    ) -> Result<(), Error> {
        purge_store::bound_lock_waits(tx).await?;
        let seen = store::lock(tx, operation.tenant).await?;
        match seen.state {
            State::Purged => return Ok(()),
            State::Purging | State::Failed => {}
            other => return Err(Error::TenantState(other)),
        }
        let tables = migrations::deprovision(tx, seen.id, seen.lock_no).await?;
        self.faults().pass(Step::SchemaDropped).await;
        let deleted = purge_store::delete_rows(tx, seen.id).await?;
        let purged = purge_store::bury(tx, &seen, tables, &deleted).await?;
        let after = json!({
            "state": purged.state.as_str(), "epoch": purged.epoch, "tables": tables,
            "memberships": deleted.memberships, "accounts": deleted.accounts,
        });
        record(tx, actor, "tenants.purged", (&seen, after)).await?;
        outbox::tenant_changed(tx, seen.id).await?;
        self.faults().pass(Step::RowsDeleted).await;
        Ok(())
    }

    /// Looks, after everything is committed, what is left, and ends the operation.
    async fn prove(&self, operation: &Operation) -> Result<(), Error> {
        let tx = self.queue.db.begin(None).await?;
        let work = async {
            let left = migrations::traces(&tx, operation.tenant).await?;
            if left.schema || left.owner || left.runtime {
                return Err(Error::Fault("a purged tenant's data is still there"));
            }
            purge_store::prove(&tx, operation.tenant, left).await?;
            operations::finish(&tx, operation.id).await
        };
        let proved = work.await;
        tx.finish(proved).await
    }
}

async fn begin_in(
    tx: &PublicTx,
    actor: &Actor,
    (id, confirm): (TenantId, Option<&str>),
    lease: Duration,
) -> Result<Begun, Error> {
    // While the data is removed the row is locked: look before.
    let seen = store::get(tx, id).await?;
    if confirm.is_some_and(|confirm| confirm != seen.slug) {
        let fault = Violation::new("confirm", "must be the tenant's slug");
        return Err(Error::Invalid(vec![fault]));
    }
    if let Some(known) = operations::open_of(tx, id, OperationKind::Purge).await? {
        return Ok(Begun::Known(known));
    }
    let seen = store::lock(tx, id).await?;
    // Another may have begun before the lock was ours.
    if let Some(known) = operations::open_of(tx, id, OperationKind::Purge).await? {
        return Ok(Begun::Known(known));
    }
    let begun = match seen.state {
        State::Deleting => {
            let marked = purge_store::mark(tx, &seen, State::Purging).await?;
            if migrations::traces(tx, id).await?.schema {
                migrations::set_fence(tx, id, marked.epoch, Fence::Closed).await?;
            }
            marked
        }
        State::Failed => seen.clone(),
        other => return Err(Error::TenantState(other)),
    };
    let operation = Operation {
        id: OperationId::new(),
        kind: OperationKind::Purge,
        tenant: id,
        actor: actor.subject.clone(),
        request: None,
        attempt: 1,
    };
    let asked = Asked {
        key: None,
        from: Some(seen.state),
    };
    operations::insert(tx, &operation, asked, lease).await?;
    let after = json!({"state": begun.state.as_str(), "epoch": begun.epoch});
    record(tx, actor, "tenants.purge", (&seen, after)).await?;
    if begun.state != seen.state {
        outbox::tenant_changed(tx, id).await?;
    }
    Ok(Begun::New(operation))
}

/// Takes a tenant back to where it was before its purge.
pub(super) async fn go_back(
    tx: &PublicTx,
    operation: &Operation,
    actor: &Actor,
    reason: &str,
) -> Result<(), Error> {
    let seen = store::lock(tx, operation.tenant).await?;
    if seen.state != State::Purging {
        return Ok(());
    }
    let from = purge_store::from_state(tx, operation).await?;
    let back = purge_store::mark(tx, &seen, from).await?;
    if migrations::traces(tx, seen.id).await?.schema {
        migrations::set_fence(tx, seen.id, back.epoch, Fence::Closed).await?;
    }
    let after = json!({
        "state": back.state.as_str(), "epoch": back.epoch, "reason": reason,
    });
    record(tx, actor, "tenants.purge_refused", (&seen, after)).await?;
    outbox::tenant_changed(tx, seen.id).await
}

async fn record(
    tx: &PublicTx,
    actor: &Actor,
    action: &'static str,
    (seen, after): (&Tenant, serde_json::Value),
) -> Result<(), Error> {
    let event = Event {
        action,
        resource: seen.id.resource_name(),
        tenant: Some(seen.id),
        before: Some(json!({"state": seen.state.as_str(), "epoch": seen.epoch})),
        after: Some(after),
    };
    audit::record(tx, actor, event).await
}

/// Whether trying again soon may help: somebody else held a lock.
fn is_passing(error: &Error) -> bool {
    matches!(
        error,
        Error::Database(db::Error::Conflict(_))
            | Error::Migration(
                migrations::Error::Locked | migrations::Error::Database(db::Error::Conflict(_))
            )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_meets_a_lock_is_tried_again_and_what_is_refused_is_not() {
        assert!(is_passing(&migrations::Error::Locked.into()));
        let refused = migrations::Error::Dependents {
            total: 1,
            named: Vec::new(),
        };
        assert!(!is_passing(&refused.into()));
        assert!(!is_passing(&db::Error::Ended.into()));
        assert!(!is_passing(&Error::TenantState(State::Active)));
    }
}
