//! Makes a reserved tenant real: schema, roles, tables, state, token, record,
//! news, all in one transaction, in a task of its own.
//!
//! The task outlives the call that asked for it. Whatever fails leaves the
//! reserved row and an operation with a lease; the reconciler goes on from there.

use std::{convert::Infallible, pin::pin, sync::Arc, time::Duration};

use resido_migrations::{self as migrations, NewTenant, Sets};
use resido_proto::{error::Failure as _, ids::TenantId};
use resido_tenancy::{
    db::{PublicDatabase, PublicTx},
    tenant::State,
};
use serde_json::json;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit},
    task::JoinHandle,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    model::{Operation, Tenant},
    operations, store,
};
use crate::{
    Config, Error,
    audit::{self, Actor, Event},
    outbox,
    tokens::Activation,
};

/// Time of one statement of a tenant's migrations at most.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(60);
/// Times that a lease is renewed before it would run out: two may fail.
const RENEWALS: u32 = 3;

/// Makes tenants real; clones share the bounds.
#[derive(Clone)]
pub(crate) struct Provisioner {
    db: PublicDatabase,
    sets: Arc<Sets>,
    running: Arc<Semaphore>,
    places: Arc<Semaphore>,
    lease: Duration,
    tracker: TaskTracker,
    closing: CancellationToken,
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
    /// Works until the token is cancelled; the tracker sees its tasks.
    pub(crate) fn new(
        db: PublicDatabase,
        sets: Arc<Sets>,
        config: &Config,
        (tracker, closing): (TaskTracker, CancellationToken),
    ) -> Self {
        let at_once = usize::from(config.max_provisioning.max(1));
        let waiting = usize::from(config.max_waiting_provisioning);
        Self {
            db,
            sets,
            running: Arc::new(Semaphore::new(at_once)),
            places: Arc::new(Semaphore::new(at_once + waiting)),
            lease: config.lease(),
            tracker,
            closing,
        }
    }

    /// Returns how long an operation is its holder's without a word.
    pub(super) fn lease(&self) -> Duration {
        self.lease
    }

    /// Takes a place in the queue.
    ///
    /// # Errors
    /// [`Error::ProvisioningBusy`] if there is none, [`Error::ShuttingDown`].
    pub(super) fn place(&self) -> Result<OwnedSemaphorePermit, Error> {
        if self.closing.is_cancelled() {
            return Err(Error::ShuttingDown);
        }
        Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| Error::ProvisioningBusy)
    }

    /// Starts the work; it goes on whether or not anybody waits for its end.
    pub(super) fn start(
        &self,
        work: Work,
        place: OwnedSemaphorePermit,
    ) -> JoinHandle<Result<Provisioned, Error>> {
        let provisioner = self.clone();
        let span = tracing::Span::current();
        let task = async move {
            let result = Box::pin(provisioner.attempt(work)).await;
            drop(place);
            result
        };
        self.tracker
            .spawn(tracing::Instrument::instrument(task, span))
    }

    /// Makes one attempt. After a failure the operation is given back, or given
    /// up where there were enough attempts.
    async fn attempt(&self, work: Work) -> Result<Provisioned, Error> {
        let turn = self.turn(&work.operation).await?;
        let result = tokio::select! {
            biased;
            result = self.provision(&work) => result,
            never = self.keep_lease(&work.operation) => match never {},
        };
        drop(turn);
        let Err(error) = &result else {
            return result;
        };
        tracing::error!(
            tenant.id = %work.operation.tenant,
            error = error as &dyn std::error::Error,
            attempt = work.operation.attempt,
            "a tenant could not be made"
        );
        if let Err(error) = self.give_back(&work.operation, error).await {
            // The lease runs out by itself.
            tracing::warn!(
                tenant.id = %work.operation.tenant,
                error = &error as &dyn std::error::Error,
                "an operation could not be given back"
            );
        }
        result
    }

    /// Waits for the turn of an operation, and keeps its lease meanwhile. It begins
    /// anew with the turn.
    ///
    /// # Errors
    /// [`Error::Raced`] if another has taken the operation up.
    async fn turn(&self, operation: &Operation) -> Result<SemaphorePermit<'_>, Error> {
        let mut turn = pin!(self.running.acquire());
        loop {
            let turn = tokio::select! {
                turn = &mut turn => Some(turn.map_err(|_| Error::ShuttingDown)?),
                () = self.closing.cancelled() => return Err(Error::ShuttingDown),
                () = tokio::time::sleep(self.lease / RENEWALS) => None,
            };
            if !self.renew(operation).await {
                tracing::warn!(
                    tenant.id = %operation.tenant,
                    attempt = operation.attempt,
                    "a tenant waited so long that another makes it"
                );
                return Err(Error::Raced);
            }
            if let Some(turn) = turn {
                return Ok(turn);
            }
        }
    }

    /// Renews a lease while the work lasts. One that is lost is let go: the row's
    /// lock makes whoever took it up wait for this attempt's end.
    async fn keep_lease(&self, operation: &Operation) -> Infallible {
        loop {
            tokio::time::sleep(self.lease / RENEWALS).await;
            self.renew(operation).await;
        }
    }

    /// Renews a lease; false if it is known to be lost.
    async fn renew(&self, operation: &Operation) -> bool {
        let work = async {
            let tx = self.db.begin(None).await?;
            let renewed = operations::renew(&tx, operation, self.lease).await;
            tx.finish(renewed).await
        };
        work.await.unwrap_or_else(|error: Error| {
            tracing::warn!(
                tenant.id = %operation.tenant,
                error = &error as &dyn std::error::Error,
                "a lease could not be renewed"
            );
            true
        })
    }

    async fn provision(&self, work: &Work) -> Result<Provisioned, Error> {
        let tx = self.db.begin_long(STATEMENT_TIMEOUT).await?;
        let result = Box::pin(provision_in(&tx, &self.sets, work)).await;
        tx.finish(result).await
    }

    /// Lets the operation rest, or ends it where it had its attempts.
    pub(super) async fn give_back(
        &self,
        operation: &Operation,
        error: &Error,
    ) -> Result<(), Error> {
        let tx = self.db.begin(None).await?;
        let work = async {
            if operation.attempt < operations::MAX_ATTEMPTS {
                return operations::postpone(&tx, operation, &error.trace()).await;
            }
            if operations::fail(&tx, operation, &error.trace()).await? {
                give_up(&tx, operation.tenant, error.reason()).await?;
            }
            Ok(())
        };
        let result = work.await;
        tx.finish(result).await
    }
}

/// Does everything in the caller's transaction.
async fn provision_in(tx: &PublicTx, sets: &Sets, work: &Work) -> Result<Provisioned, Error> {
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
    migrations::provision(tx, sets, &new).await?;
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
    Ok(Provisioned { tenant, token })
}

/// Marks a tenant that cannot be made; its slug is free again.
async fn give_up(tx: &PublicTx, tenant: TenantId, reason: &str) -> Result<(), Error> {
    let seen = store::lock(tx, tenant).await?;
    if seen.state != State::Provisioning {
        return Ok(());
    }
    let changed = store::change_state(tx, &seen, State::Failed).await?;
    let failed = changed.ok_or(Error::TenantChanged)?;
    let event = Event {
        action: "tenants.fail",
        resource: tenant.resource_name(),
        tenant: Some(tenant),
        before: Some(json!({"state": seen.state.as_str(), "epoch": seen.epoch})),
        after: Some(json!({
            "state": failed.state.as_str(), "epoch": failed.epoch, "reason": reason,
        })),
    };
    audit::record(tx, &Actor::system(), event).await?;
    outbox::tenant_changed(tx, tenant).await
}

#[cfg(test)]
mod tests {
    use resido_observability::Metrics;
    use resido_tenancy::db;

    use super::*;

    fn provisioner(config: &Config, closing: &CancellationToken) -> Provisioner {
        let settings = db::Config::new("postgresql://x@127.0.0.1:9/x?sslmode=disable");
        let db = PublicDatabase::new(settings, Metrics::default()).unwrap();
        let sets = Arc::new(Sets::embedded().unwrap());
        Provisioner::new(db, sets, config, (TaskTracker::new(), closing.clone()))
    }

    fn work() -> Work {
        Work {
            operation: Operation {
                id: resido_proto::ids::OperationId::new(),
                tenant: TenantId::new(),
                actor: "users/x".into(),
                request: None,
                attempt: 1,
            },
            actor: Actor::system(),
            invite: false,
        }
    }

    #[tokio::test]
    async fn tenants_beyond_the_queue_are_refused() {
        let config = Config {
            max_provisioning: 1,
            max_waiting_provisioning: 1,
            ..Config::default()
        };
        let provisioner = provisioner(&config, &CancellationToken::new());
        let first = provisioner.place().unwrap();
        let second = provisioner.place().unwrap();
        assert!(matches!(provisioner.place(), Err(Error::ProvisioningBusy)));
        drop((first, second));
        assert!(provisioner.place().is_ok());
    }

    #[tokio::test]
    async fn nothing_begins_after_the_end() {
        let closing = CancellationToken::new();
        let provisioner = provisioner(&Config::default(), &closing);
        let place = provisioner.place().unwrap();
        // The only turns are taken, so the work waits when the end comes.
        let turns = provisioner.running.acquire_many(4).await.unwrap();
        let waiting = provisioner.start(work(), place);
        closing.cancel();
        let ended = waiting.await.unwrap();
        assert!(matches!(ended, Err(Error::ShuttingDown)));
        assert!(matches!(provisioner.place(), Err(Error::ShuttingDown)));
        drop(turns);
    }

    #[tokio::test]
    async fn the_tracker_sees_work_that_nobody_waits_for() {
        let provisioner = provisioner(&Config::default(), &CancellationToken::new());
        let place = provisioner.place().unwrap();
        drop(provisioner.start(work(), place));
        assert_eq!(provisioner.tracker.len(), 1);
        provisioner.tracker.close();
        // There is no database: the attempt fails and gives its place back.
        provisioner.tracker.wait().await;
        assert_eq!(provisioner.places.available_permits(), 68);
    }
}
