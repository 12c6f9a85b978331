//! Makes a reserved tenant real: schema, roles, tables, state, token, record,
//! news, all in one transaction, in a task of its own.
//!
//! The task outlives the call that asked for it. Whatever fails leaves the
//! reserved row and an operation with a lease; the reconciler goes on from there.

use std::{sync::Arc, time::Duration};

use resido_migrations::{self as migrations, NewTenant, Sets};
use resido_proto::ids::TenantId;
use resido_tenancy::{db::PublicTx, tenant::State};
use serde_json::json;
use tokio::{sync::OwnedSemaphorePermit, task::JoinHandle};

use super::{
    model::{Operation, Tenant},
    operations,
    queue::Queue,
    store,
};
use crate::{
    Error,
    audit::{self, Actor, Event},
    faults::{Faults, Step},
    outbox,
    tokens::Activation,
};

/// Time of one statement of a tenant's migrations at most.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(60);

/// Makes tenants real; clones share the bounds.
#[derive(Clone)]
pub(crate) struct Provisioner {
    queue: Queue,
    sets: Arc<Sets>,
}

/// A tenant that is active now.
pub(crate) struct Provisioned {
    /// The tenant.
    pub(super) tenant: Tenant,
    /// The token of its first owner, if one was asked for.
    pub(super) token: Option<Activation>,
}

/// What is to be done, and for whom.
pub(super) struct Work {
    /// The operation, whose lease the caller holds.
    pub(super) operation: Operation,
    /// Who asked for it.
    pub(super) actor: Actor,
    /// Whether somebody waits for the token.
    pub(super) invite: bool,
}

impl Provisioner {
    /// Works in a queue of its own.
    pub(crate) fn new(queue: Queue, sets: Arc<Sets>) -> Self {
        Self { queue, sets }
    }

    /// Returns how long an operation is its holder's without a word.
    pub(super) fn lease(&self) -> Duration {
        self.queue.lease()
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

    /// Starts the work; it goes on whether or not anybody waits for its end.
    pub(super) fn start(
        &self,
        work: Work,
        place: OwnedSemaphorePermit,
    ) -> JoinHandle<Result<Provisioned, Error>> {
        let provisioner = self.clone();
        self.queue.start(place, async move {
            let provision = Box::pin(provisioner.provision(&work));
            Box::pin(provisioner.queue.attempt(&work.operation, provision)).await
        })
    }

    async fn provision(&self, work: &Work) -> Result<Provisioned, Error> {
        let tx = self.queue.db.begin_long(STATEMENT_TIMEOUT).await?;
        let result = Box::pin(self.provision_in(&tx, work)).await;
        let provisioned = tx.finish(result).await?;
        self.faults().pass(Step::Made).await;
        Ok(provisioned)
    }

    /// Does everything in the caller's transaction.
    async fn provision_in(&self, tx: &PublicTx, work: &Work) -> Result<Provisioned, Error> {
        let Work {
            operation,
            actor,
            invite,
        } = work;
        let seen = store::lock(tx, operation.tenant).await?;
        if seen.state == State::Active {
            // Somebody else was faster; what is left is to say so.
            operations::finish(tx, operation.id).await?;
            return Ok(Provisioned {
                tenant: seen,
                token: None,
            });
        }
        if seen.state != State::Provisioning {
            return Err(Error::TenantState(seen.state));
        }
        let new = NewTenant {
            id: seen.id,
            lock_no: seen.lock_no,
            epoch: seen.epoch + 1,
        };
        migrations::provision(tx, &self.sets, &new).await?;
        self.faults().pass(Step::SchemaMade).await;
        let changed = store::change_state(tx, &seen, State::Active).await?;
        let tenant = changed.ok_or(Error::TenantChanged)?;
        let token = if *invite {
            let token = Activation::generate()?;
            store::invite(tx, tenant.id, &tenant.contact_email, &token).await?;
            Some(token)
        } else {
            None
        };
        operations::finish(tx, operation.id).await?;
        let event = Event {
            action: "tenants.create",
            resource: tenant.id.resource_name(),
            tenant: Some(tenant.id),
            before: None,
            after: Some(json!({
                "slug": tenant.slug, "display_name": tenant.display_name, "plan": tenant.plan,
                "state": tenant.state.as_str(), "epoch": tenant.epoch,
            })),
        };
        audit::record(tx, actor, event).await?;
        outbox::tenant_changed(tx, tenant.id).await?;
        self.faults().pass(Step::MadeWhole).await;
        Ok(Provisioned { tenant, token })
    }
}

/// Marks a tenant that cannot be made; its slug is free again. Nobody has heard
/// of it, so nobody is told.
pub(super) async fn give_up(
    tx: &PublicTx,
    tenant: TenantId,
    actor: &Actor,
    reason: &str,
) -> Result<(), Error> {
    let seen = store::lock(tx, tenant).await?;
    if seen.state != State::Provisioning {
        return Ok(());
    }
    let changed = store::change_state(tx, &seen, State::Failed).await?;
    let failed = changed.ok_or(Error::TenantChanged)?;
    audit::record(tx, actor, failure(&seen, &failed, reason)).await
}

/// Returns what the record says of a tenant that has become `failed`.
pub(super) fn failure(seen: &Tenant, failed: &Tenant, reason: &str) -> Event {
    Event {
        action: "tenants.fail",
        resource: seen.id.resource_name(),
        tenant: Some(seen.id),
        before: Some(json!({"state": seen.state.as_str(), "epoch": seen.epoch})),
        after: Some(json!({
            "state": failed.state.as_str(), "epoch": failed.epoch, "reason": reason,
        })),
    }
}
