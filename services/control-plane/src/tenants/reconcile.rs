//! Takes up what other processes, or this one before it died, left unfinished,
//! and looks for what should not be.
//!
//! One turn does a bounded piece of it. A schema or a role without a tenant is
//! reported and never dropped: whose it is, a person must say.

use std::time::Duration;

use resido_tenancy::db::PublicDatabase;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{
    model::{Operation, OperationKind},
    names, operations,
    provision::{Provisioner, Work},
    purge::{Begun, Purger},
    purge_store, records, survey,
};
use crate::{Error, audit::Actor, auth, fleet, outbox};

/// Unfinished operations that one turn takes up at most.
const MAX_CLAIMED: usize = 16;
/// Due purges that one turn begins at most.
const MAX_DUE: i64 = 16;

/// What one turn found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Operations that were taken up.
    pub taken_up: usize,
    /// Purges that were begun, for their time had come.
    pub purges_begun: usize,
    /// Operations that lost their key or their record, for their age.
    pub forgotten: u64,
    /// Runs of migrations that ended with their process.
    pub runs_abandoned: u64,
    /// Tenants that are to be made and had no operation; they have one now.
    pub operations_made: usize,
    /// Tenants in service whose schema is gone; they are `failed` now.
    pub tenants_lost: Vec<String>,
    /// Schemas of tenants that there are not, 100 at most.
    pub orphan_schemas: Vec<String>,
    /// Roles of tenants that there are not, 100 at most.
    pub orphan_roles: Vec<String>,
}

/// Looks for unfinished work at start and then now and again.
#[derive(Clone)]
pub(crate) struct Reconciler {
    db: PublicDatabase,
    provisioner: Provisioner,
    purger: Purger,
    every: Duration,
}

impl Reconciler {
    /// Looks every so often.
    pub(crate) fn new(
        db: PublicDatabase,
        provisioner: Provisioner,
        purger: Purger,
        every: Duration,
    ) -> Self {
        Self {
            db,
            provisioner,
            purger,
            every,
        }
    }

    /// Runs until `closing`.
    pub(crate) async fn run(self, closing: CancellationToken) {
        let mut ticks = tokio::time::interval(self.every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = closing.cancelled() => return,
                () = self.purger.faults().died() => return,
            }
            // Nobody waits for the work: each task says itself how it ended.
            if let Err(error) = Box::pin(self.turn()).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "unfinished work could not be looked for"
                );
            }
        }
    }

    /// Does one turn, and waits for what it took up.
    pub(crate) async fn once(&self) -> Result<Reconciled, Error> {
        let (done, tasks) = Box::pin(self.turn()).await?;
        for task in tasks {
            task.await.map_err(|_| Error::Fault("a task did not end"))?;
        }
        Ok(done)
    }

    async fn turn(&self) -> Result<(Reconciled, Vec<JoinHandle<()>>), Error> {
        let mut done = Reconciled::default();
        let mut tasks = Vec::new();
        let tx = self.db.begin(None).await?;
        let pruned = auth::prune(&tx).await;
        tx.finish(pruned).await?;
        let tx = self.db.begin(None).await?;
        let pruned = names::prune(&tx).await;
        tx.finish(pruned).await?;
        let tx = self.db.begin(None).await?;
        let pruned = async {
            outbox::prune(&tx).await?;
            records::forget(&tx).await
        };
        let pruned = pruned.await;
        done.forgotten = tx.finish(pruned).await?;
        let tx = self.db.begin(None).await?;
        let swept = fleet::sweep(&tx).await;
        done.runs_abandoned = tx.finish(swept).await?;
        self.survey(&mut done).await?;
        self.begin_due(&mut done, &mut tasks).await?;
        self.take_up(&mut done, &mut tasks).await?;
        Ok((done, tasks))
    }

    async fn survey(&self, done: &mut Reconciled) -> Result<(), Error> {
        let tx = self.db.begin(None).await?;
        let made = survey::make_operations(&tx).await;
        done.operations_made = tx.finish(made).await?;
        let tx = self.db.begin(None).await?;
        let found = survey::look(&tx).await;
        let found = tx.finish(found).await?;
        for tenant in found.lost {
            let tx = self.db.begin(None).await?;
            let failed = survey::give_up_lost(&tx, tenant).await;
            if tx.finish(failed).await? {
                tracing::error!(tenant.id = %tenant, "a tenant in service has no schema");
                done.tenants_lost.push(tenant.to_string());
            }
        }
        for (what, names) in [("schema", &found.schemas), ("role", &found.roles)] {
            if !names.is_empty() {
                let count = names.len();
                tracing::error!(what, count, ?names, "something is left of no tenant");
            }
        }
        (done.orphan_schemas, done.orphan_roles) = (found.schemas, found.roles);
        Ok(())
    }

    /// Begins the purges whose time has come.
    async fn begin_due(
        &self,
        done: &mut Reconciled,
        tasks: &mut Vec<JoinHandle<()>>,
    ) -> Result<(), Error> {
        let tx = self.db.begin(None).await?;
        let due = purge_store::due(&tx, MAX_DUE).await;
        for tenant in tx.finish(due).await? {
            let Ok(place) = self.purger.place() else {
                return Ok(());
            };
            match self.purger.begin(&Actor::system(), tenant, None).await {
                Ok(Begun::New(operation)) => {
                    done.purges_begun += 1;
                    let task = self.purger.start(operation, Actor::system(), place);
                    tasks.push(tokio::spawn(async move {
                        drop(task.await);
                    }));
                }
                // Somebody else has begun, or has restored it meanwhile.
                Ok(Begun::Known(_)) | Err(Error::TenantState(_) | Error::TenantChanged) => {}
                Err(error) => tracing::warn!(
                    tenant.id = %tenant,
                    error = &error as &dyn std::error::Error,
                    "a purge that is due could not begin"
                ),
            }
        }
        Ok(())
    }

    /// Takes up the operations whose lease ran out.
    async fn take_up(
        &self,
        done: &mut Reconciled,
        tasks: &mut Vec<JoinHandle<()>>,
    ) -> Result<(), Error> {
        for _ in 0..MAX_CLAIMED {
            // First the places: a claim without one would waste an attempt.
            let (Ok(making), Ok(purging)) = (self.provisioner.place(), self.purger.place()) else {
                return Ok(());
            };
            let tx = self.db.begin(None).await?;
            let claimed = operations::claim(&tx, self.provisioner.lease()).await;
            let Some(operation) = tx.finish(claimed).await? else {
                return Ok(());
            };
            done.taken_up += 1;
            if operation.attempt > operations::MAX_ATTEMPTS {
                self.give_up(&operation).await?;
                continue;
            }
            let actor = Actor::earlier(operation.actor.clone());
            match operation.kind {
                OperationKind::Provision => {
                    let work = Work {
                        operation,
                        actor,
                        invite: false,
                    };
                    let task = self.provisioner.start(work, making);
                    tasks.push(tokio::spawn(async move {
                        drop(task.await);
                    }));
                }
                OperationKind::Purge => {
                    let task = self.purger.start(operation, actor, purging);
                    tasks.push(tokio::spawn(async move {
                        drop(task.await);
                    }));
                }
            }
        }
        Ok(())
    }

    /// Ends an operation whose last attempt took its process with it.
    async fn give_up(&self, operation: &Operation) -> Result<(), Error> {
        let error = Error::Fault("the last attempt did not end");
        match operation.kind {
            OperationKind::Provision => self.provisioner.give_back(operation, &error).await,
            OperationKind::Purge => self.purger.give_back(operation, &error).await,
        }
    }
}
