//! One wave at work: so many tenants at once, until too many failed.

use std::time::Duration;

use tokio::{
    task::{JoinError, JoinSet},
    time::Instant,
};

use super::{
    model::{Came, Run, RunState},
    plan::Wave,
    runner::{Event, Runner, Tell},
    work::Worker,
};
use crate::Error;

/// Time that tenants under way have to end when the process is asked to.
const GRACE: Duration = Duration::from_secs(30);
/// A run's hold on the fleet is renewed so many times before it would end.
const RENEWALS: u32 = 6;

/// What the waves of a run have in common.
pub(super) struct Shift<'a> {
    pub(super) runner: &'a Runner,
    pub(super) worker: Worker,
    pub(super) concurrency: usize,
    /// How many tenants the run works on: failures are a share of these.
    pub(super) missing: u32,
    pub(super) tell: Tell<'a>,
}

impl Shift<'_> {
    /// Works on the tenants of a wave; says how the run ended, if it did.
    pub(super) async fn work(&self, run: &mut Run, wave: Wave) -> Result<Option<RunState>, Error> {
        let mut waiting = wave.tenants.into_iter();
        // Tasks, which end with the set: they need not wait for what is written.
        let mut working = JoinSet::new();
        let (mut ended, mut until) = (None, None);
        let mut renewals = tokio::time::interval(self.runner.lease / RENEWALS);
        loop {
            while ended.is_none()
                && working.len() < self.concurrency
                && let Some(tenant) = waiting.next()
            {
                working.spawn(self.worker.clone().work(tenant));
            }
            tokio::select! {
                came = working.join_next() => {
                    let Some(came) = came else { break };
                    self.count(run, came);
                    if ended.is_none() && wave.tolerance.is_reached(run.failed, self.missing) {
                        ended = Some(RunState::Halted);
                    }
                }
                _ = renewals.tick() => {
                    self.runner.progress((run, self.worker.owner)).await?;
                }
                () = self.worker.stop.cancelled(), if ended != Some(RunState::Interrupted) => {
                    ended = Some(RunState::Interrupted);
                    until = Some(Instant::now() + GRACE);
                }
                () = passed(until) => {
                    // Dropped, they are cancelled and undone.
                    working.abort_all();
                    until = None;
                }
            }
        }
        Ok(ended)
    }

    fn count(&self, run: &mut Run, came: Result<Came, JoinError>) {
        match came {
            Ok(came) => {
                run.count(&came);
                (self.tell)(Event::Tenant(came));
            }
            // Whoever goes on with the run comes to the tenant again.
            Err(ended) if ended.is_cancelled() => {}
            Err(panicked) => {
                run.failed += 1;
                tracing::error!(
                    run = %run.id,
                    error = &panicked as &dyn std::error::Error,
                    "work on a tenant broke off"
                );
            }
        }
    }
}

/// Waits until a moment; for ever if there is none.
async fn passed(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}
