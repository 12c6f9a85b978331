//! One run: some tenants at once, what comes of each written down and told.

use std::time::Duration;

use resido_migrations as migrations;
use resido_proto::tenancy::v1::{self as proto, migrate_tenants_response::Event};
use resido_tenancy::server::into_status;
use tokio::{sync::mpsc, task::JoinSet};
use tonic::Status;

use super::{
    model::{Came, Candidate, Run, RunState, message},
    service::Fleet,
    store,
};
use crate::Error;

/// Tenants at once: each takes a connection that calls need as well.
const AT_ONCE: usize = 4;
/// Times that a lease is renewed before it would run out: two may fail.
const RENEWALS: u32 = 3;
/// How long the end of a run waits for a reader.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) type Out = mpsc::Sender<Result<proto::MigrateTenantsResponse, Status>>;

/// A run and the tenants that are to be migrated in it.
pub(super) struct Plan {
    pub(super) run: Run,
    pub(super) missing: Vec<Candidate>,
    /// Those that are told of although there is nothing to do.
    pub(super) current: Vec<Candidate>,
}

impl Fleet {
    /// Does a run to its end, whoever reads of it. Where the process ends before,
    /// a tenant is between two files and the run is abandoned.
    pub(super) async fn run(self, plan: Plan, out: Out) {
        let begun = plan.run.clone();
        tell(&out, Event::Started(begun.clone().into()));
        let ended = tokio::select! {
            ended = self.work(plan, &out) => ended,
            () = self.closing.cancelled() => Err(Error::ShuttingDown),
        };
        let last = match ended {
            Ok(run) => Ok(message(Event::Finished(run.into()))),
            Err(error) => {
                tracing::error!(
                    run = %begun.id,
                    error = &error as &dyn std::error::Error,
                    "a run of migrations did not end"
                );
                self.give_up(begun).await;
                Err(into_status(&error))
            }
        };
        tokio::select! {
            biased;
            _read = out.send_timeout(last, PATIENCE) => {}
            () = self.closing.cancelled() => {}
        }
    }

    async fn work(&self, plan: Plan, out: &Out) -> Result<Run, Error> {
        let Plan {
            mut run,
            missing,
            current,
        } = plan;
        for tenant in current {
            tell(out, Event::Tenant(Came::current(tenant).into()));
        }
        let target = run.target_version;
        let mut waiting = missing.into_iter();
        // Tasks, which end with the set: they need not wait for what is written.
        let mut working = JoinSet::new();
        loop {
            while working.len() < AT_ONCE
                && let Some(tenant) = waiting.next()
            {
                working.spawn(self.clone().one(tenant, target));
            }
            tokio::select! {
                came = working.join_next() => {
                    let Some(came) = came else { break };
                    let came = came.map_err(|_| Error::Fault("a task did not end"))?;
                    run.count(&came);
                    self.progress(&run).await?;
                    tell(out, Event::Tenant(came.into()));
                }
                () = tokio::time::sleep(self.lease / RENEWALS) => self.progress(&run).await?,
            }
        }
        let state = if run.failed == 0 {
            RunState::Succeeded
        } else {
            RunState::Failed
        };
        let tx = self.db.begin(None).await?;
        let finished = store::finish(&tx, &run, state).await;
        tx.finish(finished).await?.ok_or(Error::Raced)
    }

    async fn one(self, tenant: Candidate, target: i64) -> Came {
        let place = (tenant.id, tenant.lock_no);
        let result = migrations::migrate_tenant(&self.db, &self.sets, place).await;
        if let Err(error) = &result {
            tracing::error!(
                tenant.id = %tenant.id,
                error = error as &dyn std::error::Error,
                "a tenant could not be migrated"
            );
        }
        Came::of(tenant, target, result)
    }

    /// Writes how far the run has come. What cannot be written now is written
    /// with the next; a run that was taken for dead is over.
    async fn progress(&self, run: &Run) -> Result<(), Error> {
        let work = async {
            let tx = self.db.begin(None).await?;
            let written = store::progress(&tx, run, self.lease).await;
            tx.finish(written).await
        };
        match work.await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::Raced),
            Err(error) => {
                tracing::warn!(
                    run = %run.id,
                    error = &error as &dyn std::error::Error,
                    "the progress of a run could not be written"
                );
                Ok(())
            }
        }
    }

    /// Says that a run is over; if that fails, its lease runs out.
    async fn give_up(&self, begun: Run) {
        let work = async {
            let tx = self.db.begin(None).await?;
            let given_up = store::give_up(&tx, begun.id).await;
            tx.finish(given_up).await
        };
        if let Err(error) = work.await {
            tracing::warn!(
                run = %begun.id,
                error = &error as &dyn std::error::Error,
                "a run could not be given up"
            );
        }
    }
}

/// Tells who reads; one who reads too slowly misses it, and the run goes on.
fn tell(out: &Out, event: Event) {
    let _read = out.try_send(Ok(message(event))).is_ok();
}
