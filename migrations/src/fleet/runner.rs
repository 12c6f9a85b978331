//! Makes runs: one at a time works on a fleet, whichever process it is in.

use std::{sync::Arc, time::Duration};

use resido_proto::ids::MigrationRunId;
use resido_tenancy::db::{ListRequest, PublicDatabase, PublicTx};
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    begin::Begun,
    model::{Came, Run, RunState},
    plan::{self, Plan},
    request::{Request, Rollout, Selection},
    shift::Shift,
    store,
    work::Worker,
};
use crate::{Error, Sets};

/// How long a run holds the fleet without a sign of life.
const LEASE: Duration = Duration::from_secs(30);

/// What happens in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum Event {
    /// It began.
    Started(Run),
    /// A wave begins: its number from zero, and how many tenants it has.
    Wave {
        /// Which one.
        number: usize,
        /// How many.
        tenants: u32,
    },
    /// A tenant is done with.
    Tenant(Came),
    /// It ended.
    Finished(Run),
}

/// Who hears what happens.
pub(super) type Tell<'a> = &'a (dyn Fn(Event) + Send + Sync);

/// Plans runs and makes them.
#[derive(Debug, Clone)]
pub struct Runner {
    pub(super) db: PublicDatabase,
    pub(super) sets: Arc<Sets>,
    pub(super) lease: Duration,
}

impl Runner {
    /// Prepares runs over the tenants of a database.
    #[must_use]
    pub fn new(db: PublicDatabase, sets: Arc<Sets>) -> Self {
        Self {
            db,
            sets,
            lease: LEASE,
        }
    }

    /// Holds the fleet for so long without a sign of life.
    #[must_use]
    pub fn with_lease(self, lease: Duration) -> Self {
        Self { lease, ..self }
    }

    /// Says what applying would do, and writes nothing.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotServed`] or [`Error::Database`].
    pub async fn plan(
        &self,
        tx: &PublicTx,
        selection: &Selection,
        rollout: &Rollout,
    ) -> Result<Plan, Error> {
        Ok(self.survey(tx, selection, rollout).await?.0)
    }

    /// Makes a run from its begin to its end; none is written down where nothing
    /// is missing.
    ///
    /// # Errors
    /// Those of [`begin`](Self::begin) and [`work`](Self::work).
    pub async fn run(
        &self,
        request: &Request,
        stop: &CancellationToken,
        tell: &(dyn Fn(Event) + Send + Sync),
    ) -> Result<Option<Run>, Error> {
        let tx = self.db.begin_long(LEASE).await?;
        let begun = self.begin_if_missing(&tx, request).await;
        match tx.finish(begun).await? {
            Some(begun) => Ok(Some(self.work(begun, stop, tell).await?)),
            None => Ok(None),
        }
    }

    /// Works on the tenants of a run until all are done with, too many failed, or
    /// `stop` asks to end: those under way have 30 s to end then.
    ///
    /// # Errors
    /// [`Error::Run`] if another process took the run over, [`Error::Database`].
    pub async fn work(
        &self,
        begun: Begun,
        stop: &CancellationToken,
        tell: &(dyn Fn(Event) + Send + Sync),
    ) -> Result<Run, Error> {
        tell(Event::Started(begun.run.clone()));
        let mut run = begun.run;
        let shift = Shift {
            runner: self,
            worker: Worker {
                db: self.db.clone(),
                sets: Arc::clone(&self.sets),
                run: run.id,
                owner: begun.owner,
                kind: run.kind,
                of: run.of,
                target: run.target,
                order: begun.order,
                timeout: begun.pace.timeout,
                lock_wait: begun.pace.lock_wait,
                stop: stop.clone(),
            },
            concurrency: usize::from(begun.pace.concurrency.max(1)),
            missing: begun
                .waves
                .iter()
                .map(|wave| plan::count(wave.tenants.len()))
                .sum(),
            tell,
        };
        let mut ended = None;
        for (number, wave) in begun.waves.into_iter().enumerate() {
            let tenants = plan::count(wave.tenants.len());
            tell(Event::Wave { number, tenants });
            ended = shift.work(&mut run, wave).await?;
            if ended.is_some() {
                break;
            }
        }
        let state = ended.unwrap_or(if run.failed == 0 {
            RunState::Succeeded
        } else {
            RunState::Failed
        });
        let finished = self.finish((&run, begun.owner), state).await?;
        tell(Event::Finished(finished.clone()));
        Ok(finished)
    }

    /// Returns a run.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn get(tx: &PublicTx, run: MigrationRunId) -> Result<Option<Run>, Error> {
        store::get(tx, run).await
    }

    /// Returns a page of runs, asked for with [`super::RUNS`].
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn list(tx: &PublicTx, request: &ListRequest) -> Result<(Vec<Run>, String), Error> {
        store::list(tx, request).await
    }

    /// Notes which runs nobody works on any more, and forgets those that ended a
    /// year ago; returns how many nobody works on.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn sweep(tx: &PublicTx) -> Result<u64, Error> {
        store::sweep(tx).await
    }

    /// Writes down how far a run came, and holds it further.
    pub(super) async fn progress(&self, held: (&Run, Uuid)) -> Result<(), Error> {
        let tx = self.db.begin(None).await?;
        let written = store::progress(&tx, held, self.lease).await;
        match tx.finish(written).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::Run("another process took the run over")),
            Err(error) => {
                // The run ends by itself if this goes on for as long as its hold.
                tracing::warn!(
                    run = %held.0.id,
                    error = &error as &dyn std::error::Error,
                    "the progress of a run could not be written"
                );
                Ok(())
            }
        }
    }

    async fn finish(&self, held: (&Run, Uuid), state: RunState) -> Result<Run, Error> {
        let tx = self.db.begin(None).await?;
        let finished = store::finish(&tx, held, state).await;
        let finished = tx.finish(finished).await?;
        finished.ok_or(Error::Run("another process took the run over"))
    }
}
