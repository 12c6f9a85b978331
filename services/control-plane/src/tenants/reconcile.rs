//! Takes up what other processes, or this one before it died, left unfinished,
//! and looks for what should not be.
//!
//! One turn does a bounded piece of it, what somebody waits for first. Whatever
//! fails is logged, and the turn goes on with the next: one tenant that cannot be
//! helped keeps nobody else waiting. A schema or a role without a tenant is
//! reported and never dropped: whose it is, a person must say.

use std::time::Duration;

use resido_proto::ids::TenantId;
use resido_tenancy::db::PublicDatabase;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{
    attempt,
    forget::Old,
    model::{Operation, OperationKind},
    operations,
    provision::{Provisioner, Work},
    purge::{Begun, Purger},
    purge_store, survey,
};
use crate::{Error, audit::Actor};

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
    /// Steps that failed, each of which the log names.
    pub failures: usize,
}

/// A turn so far: what it did, and the work that goes on.
#[derive(Default)]
struct Turn {
    done: Reconciled,
    tasks: Vec<JoinHandle<()>>,
}

impl Turn {
    /// Logs what failed, with the tenant it concerns, and goes on.
    fn failed(&mut self, step: &'static str, tenant: Option<TenantId>, error: &Error) {
        self.done.failures += 1;
        tracing::warn!(
            step,
            tenant.id = tenant.map(tracing::field::display),
            error = error as &dyn std::error::Error,
            "a step of the search for unfinished work failed"
        );
    }

    /// Waits for work at the end of the turn.
    fn wait_for<T: Send + 'static>(&mut self, task: JoinHandle<T>) {
        // Each says itself how it ended.
        self.tasks.push(tokio::spawn(async move {
            drop(task.await);
        }));
    }
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
            // Nobody waits for the work.
            Box::pin(self.turn()).await;
        }
    }

    /// Does one turn, and waits for what it took up.
    pub(crate) async fn once(&self) -> Result<Reconciled, Error> {
        let Turn { done, tasks } = Box::pin(self.turn()).await;
        for task in tasks {
            task.await.map_err(|_| Error::Fault("a task did not end"))?;
        }
        Ok(done)
    }

    async fn turn(&self) -> Turn {
        let mut turn = Turn::default();
        self.take_up(&mut turn).await;
        match self.make_operations().await {
            Ok(0) => {}
            Ok(made) => {
                turn.done.operations_made = made;
                self.take_up(&mut turn).await;
            }
            Err(error) => turn.failed("make operations", None, &error),
        }
        self.begin_due(&mut turn).await;
        self.survey(&mut turn).await;
        self.forget(&mut turn).await;
        turn
    }

    /// Takes up the operations whose lease ran out.
    async fn take_up(&self, turn: &mut Turn) {
        for _ in 0..MAX_CLAIMED {
            // First the places: a claim without one would waste an attempt.
            let (Ok(making), Ok(purging)) = (self.provisioner.place(), self.purger.place()) else {
                return;
            };
            let operation = match self.claim().await {
                Ok(Some(operation)) => operation,
                Ok(None) => return,
                Err(error) => return turn.failed("claim an operation", None, &error),
            };
            turn.done.taken_up += 1;
            if operation.attempt > operations::MAX_ATTEMPTS {
                // Its last attempt took its process with it.
                let error = Error::Fault("the last attempt did not end");
                let given_up = attempt::give_back(&self.db, &operation, &error).await;
                if let Err(error) = given_up {
                    turn.failed("give an operation up", Some(operation.tenant), &error);
                }
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
                    turn.wait_for(self.provisioner.start(work, making));
                }
                OperationKind::Purge => {
                    turn.wait_for(self.purger.start(operation, actor, purging));
                }
            }
        }
    }

    async fn claim(&self) -> Result<Option<Operation>, Error> {
        let tx = self.db.begin(None).await?;
        let claimed = operations::claim(&tx, self.provisioner.lease()).await;
        tx.finish(claimed).await
    }

    async fn make_operations(&self) -> Result<usize, Error> {
        let tx = self.db.begin(None).await?;
        let made = survey::make_operations(&tx).await;
        tx.finish(made).await
    }

    /// Begins the purges whose time has come.
    async fn begin_due(&self, turn: &mut Turn) {
        let due = match self.due().await {
            Ok(due) => due,
            Err(error) => return turn.failed("look for due purges", None, &error),
        };
        for tenant in due {
            let Ok(place) = self.purger.place() else {
                return;
            };
            match self.purger.begin(&Actor::system(), tenant, None).await {
                Ok(Begun::New(operation)) => {
                    turn.done.purges_begun += 1;
                    let task = self.purger.start(operation, Actor::system(), place);
                    turn.wait_for(task);
                }
                // Somebody else has begun, or has restored it meanwhile.
                Ok(Begun::Known(_)) | Err(Error::TenantState(_) | Error::TenantChanged) => {}
                Err(error) => turn.failed("begin a purge", Some(tenant), &error),
            }
        }
    }

    async fn due(&self) -> Result<Vec<TenantId>, Error> {
        let tx = self.db.begin(None).await?;
        let due = purge_store::due(&tx, MAX_DUE).await;
        tx.finish(due).await
    }

    /// Looks for what does not fit.
    async fn survey(&self, turn: &mut Turn) {
        let found = match self.look().await {
            Ok(found) => found,
            Err(error) => return turn.failed("compare tenants and schemas", None, &error),
        };
        for tenant in found.lost {
            match self.give_up_lost(tenant).await {
                Ok(true) => {
                    tracing::error!(tenant.id = %tenant, "a tenant in service has no schema");
                    turn.done.tenants_lost.push(tenant.to_string());
                }
                Ok(false) => {}
                Err(error) => turn.failed("give a tenant up", Some(tenant), &error),
            }
        }
        for (what, names) in [("schema", &found.schemas), ("role", &found.roles)] {
            if !names.is_empty() {
                let count = names.len();
                tracing::error!(what, count, ?names, "something is left of no tenant");
            }
        }
        (turn.done.orphan_schemas, turn.done.orphan_roles) = (found.schemas, found.roles);
    }

    async fn look(&self) -> Result<survey::Found, Error> {
        let tx = self.db.begin(None).await?;
        let found = survey::look(&tx).await;
        tx.finish(found).await
    }

    async fn give_up_lost(&self, tenant: TenantId) -> Result<bool, Error> {
        let tx = self.db.begin(None).await?;
        let failed = survey::give_up_lost(&tx, tenant).await;
        tx.finish(failed).await
    }

    /// Forgets what is old, a piece of each kind.
    async fn forget(&self, turn: &mut Turn) {
        for old in Old::ALL {
            match self.forget_some(old).await {
                Ok(count) => match old {
                    Old::Operations => turn.done.forgotten = count,
                    Old::Runs => turn.done.runs_abandoned = count,
                    Old::LogIns | Old::Names | Old::News => {}
                },
                Err(error) => turn.failed(old.step(), None, &error),
            }
        }
    }

    async fn forget_some(&self, old: Old) -> Result<u64, Error> {
        let tx = self.db.begin(None).await?;
        let forgotten = old.forget(&tx).await;
        tx.finish(forgotten).await
    }
}
