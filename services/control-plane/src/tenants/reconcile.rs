//! Takes up what other processes, or this one before it died, left unfinished.

use std::time::Duration;

use resido_tenancy::db::PublicDatabase;
use tokio_util::sync::CancellationToken;

use super::{
    names, operations,
    provision::{Provisioner, Work},
};
use crate::{Error, audit::Actor, auth, outbox};

/// Unfinished operations that one look takes up at most.
const MAX_CLAIMED: usize = 16;

/// Looks for unfinished work at start and then now and again.
pub(crate) struct Reconciler {
    db: PublicDatabase,
    provisioner: Provisioner,
    every: Duration,
}

impl Reconciler {
    /// Looks every so often.
    pub(crate) fn new(db: PublicDatabase, provisioner: Provisioner, every: Duration) -> Self {
        Self {
            db,
            provisioner,
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
            }
            if let Err(error) = self.look().await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "unfinished work could not be looked for"
                );
            }
        }
    }

    async fn look(&self) -> Result<(), Error> {
        let tx = self.db.begin(None).await?;
        let pruned = outbox::prune(&tx).await;
        tx.finish(pruned).await?;
        let tx = self.db.begin(None).await?;
        let pruned = auth::prune(&tx).await;
        tx.finish(pruned).await?;
        let tx = self.db.begin(None).await?;
        let pruned = names::prune(&tx).await;
        tx.finish(pruned).await?;
        for _ in 0..MAX_CLAIMED {
            // First the place: a claim without one would waste an attempt.
            let Ok(place) = self.provisioner.place() else {
                return Ok(());
            };
            let tx = self.db.begin(None).await?;
            let claimed = operations::claim(&tx, self.provisioner.lease()).await;
            let Some(operation) = tx.finish(claimed).await? else {
                return Ok(());
            };
            if operation.attempt > operations::MAX_ATTEMPTS {
                // The process of the last one died with it.
                let error = Error::Fault("the last attempt did not end");
                self.provisioner.give_back(&operation, &error).await?;
                continue;
            }
            let work = Work {
                actor: Actor::earlier(operation.actor.clone()),
                operation,
                invite: false,
            };
            // Nobody waits for it: the task says itself how it ended.
            drop(self.provisioner.start(work, place));
        }
        Ok(())
    }
}
