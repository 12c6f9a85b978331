//! Long work in turn: so much at once, so much waiting, each under the lease of
//! its operation.

use std::{convert::Infallible, future::pending, pin::pin, sync::Arc, time::Duration};

use resido_tenancy::db::PublicDatabase;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit},
    task::JoinHandle,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    model::Operation,
    operations::{self, Extend},
};
use crate::{Config, Error, faults::Faults};

/// Times that a lease is renewed before it would run out: two may fail.
const RENEWALS: u32 = 3;

/// A queue of work on tenants; clones share the bounds.
#[derive(Clone)]
pub(crate) struct Queue {
    pub(super) db: PublicDatabase,
    pub(super) running: Arc<Semaphore>,
    pub(super) places: Arc<Semaphore>,
    pub(super) tracker: TaskTracker,
    pub(super) faults: Faults,
    lease: Duration,
    closing: CancellationToken,
}

impl Queue {
    /// Works until the token is cancelled; the tracker sees its tasks.
    pub(crate) fn new(
        db: PublicDatabase,
        config: &Config,
        (tracker, closing): (TaskTracker, CancellationToken),
    ) -> Self {
        let at_once = usize::from(config.max_provisioning.max(1));
        let waiting = usize::from(config.max_waiting_provisioning);
        Self {
            db,
            running: Arc::new(Semaphore::new(at_once)),
            places: Arc::new(Semaphore::new(at_once + waiting)),
            tracker,
            faults: config.faults.clone(),
            lease: config.lease(),
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

    /// Starts a task that goes on whether or not anybody waits for its end, and
    /// gives its place back then.
    pub(super) fn start<T: Send + 'static>(
        &self,
        place: OwnedSemaphorePermit,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        let span = tracing::Span::current();
        let task = async move {
            let result = Box::pin(work).await;
            drop(place);
            result
        };
        self.tracker
            .spawn(tracing::Instrument::instrument(task, span))
    }

    /// Does the work of an operation when its turn has come, and keeps the lease
    /// while it lasts.
    ///
    /// # Errors
    /// [`Error::Raced`] if another has taken the operation up before its turn,
    /// [`Error::ShuttingDown`]; none of the work's own, which are in the result.
    pub(super) async fn hold<T>(
        &self,
        operation: &Operation,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<Result<T, Error>, Error> {
        let turn = self.turn(operation).await?;
        let ended = tokio::select! {
            biased;
            result = work => Some(result),
            never = self.keep_lease(operation) => match never {},
            () = self.faults.died() => None,
        };
        drop(turn);
        match ended {
            Some(result) => Ok(result),
            // The connection is gone with the work; the dead do nothing more.
            None => pending().await,
        }
    }

    /// Waits for the turn of an operation, and keeps its lease meanwhile. It begins
    /// anew with the turn.
    async fn turn(&self, operation: &Operation) -> Result<SemaphorePermit<'_>, Error> {
        let mut turn = pin!(self.running.acquire());
        loop {
            let turn = tokio::select! {
                turn = &mut turn => Some(turn.map_err(|_| Error::ShuttingDown)?),
                () = self.closing.cancelled() => return Err(Error::ShuttingDown),
                () = tokio::time::sleep(self.lease / RENEWALS) => None,
            };
            let ours = match turn {
                Some(_) => self.extend(operation, Extend::Begin).await,
                None => self.extend(operation, Extend::Renew).await,
            };
            if !ours {
                tracing::warn!(
                    tenant.id = %operation.tenant,
                    attempt = operation.attempt,
                    "an operation waited so long that another took it up"
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
            self.extend(operation, Extend::Renew).await;
        }
    }

    /// Lets a lease begin anew; false if it is known to be lost.
    async fn extend(&self, operation: &Operation, how: Extend) -> bool {
        let work = async {
            let tx = self.db.begin(None).await?;
            let renewed = operations::extend(&tx, operation, self.lease, how).await;
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
}

#[cfg(test)]
mod tests {
    use resido_observability::Metrics;
    use resido_proto::ids::{OperationId, TenantId};
    use resido_tenancy::db;

    use super::{super::model::OperationKind, *};

    fn queue(config: &Config, closing: &CancellationToken) -> Queue {
        let settings = db::Config::new("postgresql://x@127.0.0.1:9/x?sslmode=disable");
        let db = PublicDatabase::new(settings, Metrics::default()).unwrap();
        Queue::new(db, config, (TaskTracker::new(), closing.clone()))
    }

    fn operation() -> Operation {
        Operation {
            id: OperationId::new(),
            kind: OperationKind::Provision,
            tenant: TenantId::new(),
            actor: "users/x".into(),
            request: None,
            attempt: 1,
        }
    }

    /// Starts work that does nothing.
    fn idle(queue: &Queue, place: OwnedSemaphorePermit) -> JoinHandle<Result<(), Error>> {
        let own = queue.clone();
        queue.start(place, async move {
            own.hold(&operation(), async { Ok(()) }).await?
        })
    }

    #[tokio::test]
    async fn work_beyond_the_queue_is_refused() {
        let config = Config {
            max_provisioning: 1,
            max_waiting_provisioning: 1,
            ..Config::default()
        };
        let queue = queue(&config, &CancellationToken::new());
        let first = queue.place().unwrap();
        let second = queue.place().unwrap();
        assert!(matches!(queue.place(), Err(Error::ProvisioningBusy)));
        drop((first, second));
        assert!(queue.place().is_ok());
    }

    #[tokio::test]
    async fn nothing_begins_after_the_end() {
        let closing = CancellationToken::new();
        let queue = queue(&Config::default(), &closing);
        let place = queue.place().unwrap();
        // The only turns are taken, so the work waits when the end comes.
        let turns = queue.running.acquire_many(4).await.unwrap();
        let waiting = idle(&queue, place);
        closing.cancel();
        let ended = waiting.await.unwrap();
        assert!(matches!(ended, Err(Error::ShuttingDown)));
        assert!(matches!(queue.place(), Err(Error::ShuttingDown)));
        drop(turns);
    }

    #[tokio::test]
    async fn the_tracker_sees_work_that_nobody_waits_for() {
        let queue = queue(&Config::default(), &CancellationToken::new());
        let place = queue.place().unwrap();
        drop(idle(&queue, place));
        assert_eq!(queue.tracker.len(), 1);
        queue.tracker.close();
        queue.tracker.wait().await;
        assert_eq!(queue.places.available_permits(), 68);
    }
}
