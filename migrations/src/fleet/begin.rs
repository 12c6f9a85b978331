//! How a run begins: whom it is for, written down before anything is done.

use resido_proto::ids::{MigrationRunId, TenantId};
use resido_tenancy::db::PublicTx;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    model::{ItemState, Run, RunKind, RunState},
    plan::{self, Candidate, Plan, Wave},
    request::{Pace, Request, Rollout, Selection, Task},
    runner::Runner,
    store::{self, NewRun},
};
use crate::{Error, Order};

/// Tenants that a run did not bring where it should have.
const LEFT: [ItemState; 4] = [
    ItemState::Pending,
    ItemState::Failed,
    ItemState::WaitingLock,
    ItemState::BlockedChecksum,
];
/// Tenants that a run may have changed: one that died may have done more than it
/// wrote down.
const TOUCHED: [ItemState; 6] = [
    ItemState::Done,
    ItemState::SkippedCurrent,
    ItemState::Pending,
    ItemState::Failed,
    ItemState::WaitingLock,
    ItemState::BlockedChecksum,
];

/// A run that is written down and has not begun to work.
#[derive(Debug)]
pub struct Begun {
    /// The run.
    pub run: Run,
    /// The tenants that were named and are current already.
    pub current: Vec<Candidate>,
    pub(super) owner: Uuid,
    pub(super) waves: Vec<Wave>,
    pub(super) pace: Pace,
    pub(super) order: Order,
}

/// What is kept of a request, so that it can be gone on with.
#[derive(Serialize, Deserialize)]
struct Kept {
    selection: Selection,
    rollout: Rollout,
}

impl Runner {
    /// Writes a run down, in the caller's transaction.
    ///
    /// # Errors
    /// [`Error::Locked`] if another is under way; [`Error::Run`] if the run that
    /// it follows cannot be followed so; [`Error::NoWayBack`]; those of
    /// [`plan`](Self::plan).
    pub async fn begin(&self, tx: &PublicTx, request: &Request) -> Result<Begun, Error> {
        store::sweep(tx).await?;
        match request.task {
            Task::Up | Task::Rehearse => {
                let survey = self.survey(tx, &request.selection, &request.rollout);
                let surveyed = survey.await?;
                self.start(tx, request, &request.selection, surveyed).await
            }
            Task::Retry(run) => self.retry(tx, request, run).await,
            Task::Resume(run) => self.resume(tx, request, run).await,
            Task::Rollback(run) => self.roll_back(tx, request, run).await,
        }
    }

    /// Writes a run down as [`begin`](Self::begin), unless nothing is missing.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub async fn begin_if_missing(
        &self,
        tx: &PublicTx,
        request: &Request,
    ) -> Result<Option<Begun>, Error> {
        if !matches!(request.task, Task::Up | Task::Rehearse) {
            return self.begin(tx, request).await.map(Some);
        }
        let selection = &request.selection;
        let surveyed = self.survey(tx, selection, &request.rollout).await?;
        if surveyed.0.waves.is_empty() {
            return Ok(None);
        }
        store::sweep(tx).await?;
        self.start(tx, request, selection, surveyed).await.map(Some)
    }

    /// Returns the plan, and the tenants that are current already.
    pub(super) async fn survey(
        &self,
        tx: &PublicTx,
        selection: &Selection,
        rollout: &Rollout,
    ) -> Result<(Plan, Vec<Candidate>), Error> {
        let set = &self.sets.tenant;
        let target = selection.to.unwrap_or(i64::MAX).min(set.latest());
        let fingerprints: Vec<_> = (0..=set.latest()).map(|v| set.fingerprint(v)).collect();
        let (mut current, mut ahead, mut missing) = (Vec::new(), Vec::new(), Vec::new());
        for selected in store::select(tx, selection).await? {
            let tenant = selected.tenant;
            let known = usize::try_from(tenant.version).ok();
            match known.and_then(|version| fingerprints.get(version)) {
                None => ahead.push(tenant.id),
                Some(fingerprint) if *fingerprint != selected.fingerprint => missing.push(tenant),
                Some(_) if tenant.version >= target => current.push(tenant),
                Some(_) => missing.push(tenant),
            }
        }
        if let Some(limit) = selection.limit {
            missing.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        }
        let plan = Plan {
            target,
            current: plan::count(current.len()),
            ahead,
            waves: plan::waves(missing, rollout),
        };
        Ok((plan, current))
    }

    async fn start(
        &self,
        tx: &PublicTx,
        request: &Request,
        selection: &Selection,
        (plan, mut current): (Plan, Vec<Candidate>),
    ) -> Result<Begun, Error> {
        if selection.tenants.is_empty() {
            // Nobody asked for these by name.
            current.clear();
        }
        let owner = Uuid::new_v4();
        let new = NewRun {
            kind: match request.task {
                Task::Rehearse => RunKind::Rehearse,
                _ => RunKind::Up,
            },
            of: None,
            target: plan.target,
            current: plan.current.saturating_add(plan::count(plan.ahead.len())),
            actor: &request.actor,
            request: kept(selection, &request.rollout)?,
            owner,
        };
        let run = store::insert(tx, new, &plan.waves, self.lease).await?;
        Ok(Begun {
            run,
            current,
            owner,
            waves: plan.waves,
            pace: request.pace,
            order: selection.order,
        })
    }

    /// Begins a run for those that failed in another.
    async fn retry(
        &self,
        tx: &PublicTx,
        request: &Request,
        run: MigrationRunId,
    ) -> Result<Begun, Error> {
        let failed = self.followed(tx, run).await?;
        if failed.kind != RunKind::Up {
            return Err(Error::Run(
                "only a run that applied files is retried: make a rehearsal anew, resume what is \
                 undone",
            ));
        }
        let left = store::left(tx, run, &LEFT[1..]).await?;
        if left.is_empty() {
            return Err(Error::Run("no tenant failed in that run"));
        }
        let kept = self.kept(tx, run).await?;
        let selection = Selection {
            tenants: ids(left),
            to: kept.selection.to,
            order: kept.selection.order,
            ..Selection::default()
        };
        let surveyed = self.survey(tx, &selection, &request.rollout).await?;
        self.start(tx, request, &selection, surveyed).await
    }

    async fn resume(
        &self,
        tx: &PublicTx,
        request: &Request,
        run: MigrationRunId,
    ) -> Result<Begun, Error> {
        let kept = self.kept(tx, run).await?;
        let left = store::left(tx, run, &LEFT).await?;
        let owner = Uuid::new_v4();
        let number = plan::count(left.len());
        let taken = store::take_up(tx, (run, owner), number, self.lease).await?;
        Ok(Begun {
            run: taken.ok_or(Error::Run("the run is under way or came to its end"))?,
            current: Vec::new(),
            owner,
            waves: by_wave(left, &kept.rollout),
            pace: request.pace,
            order: kept.selection.order,
        })
    }

    async fn roll_back(
        &self,
        tx: &PublicTx,
        request: &Request,
        run: MigrationRunId,
    ) -> Result<Begun, Error> {
        let undone = self.followed(tx, run).await?;
        if undone.kind != RunKind::Up || undone.state == RunState::Running {
            return Err(Error::Run(
                "only a run that applied files and ended is undone",
            ));
        }
        let touched = store::left(tx, run, &TOUCHED).await?;
        if touched.is_empty() {
            return Err(Error::Run("nothing of that run is left to undo"));
        }
        self.find_way_back(undone.target, &touched)?;
        let tenants = touched.into_iter().map(|(_, tenant)| tenant).collect();
        let waves = plan::waves(tenants, &request.rollout);
        let owner = Uuid::new_v4();
        let new = NewRun {
            kind: RunKind::Rollback,
            of: Some(run),
            target: undone.target,
            current: 0,
            actor: &request.actor,
            request: kept(&Selection::default(), &request.rollout)?,
            owner,
        };
        Ok(Begun {
            run: store::insert(tx, new, &waves, self.lease).await?,
            current: Vec::new(),
            owner,
            waves,
            pace: request.pace,
            order: Order::Strict,
        })
    }

    /// Refuses what could be undone in part at most, before anything is.
    fn find_way_back(&self, target: i64, touched: &[(i16, Candidate)]) -> Result<(), Error> {
        let set = &self.sets.tenant;
        if target > set.latest() {
            return Err(Error::Run(
                "the run applied files that are not among these: name their folder",
            ));
        }
        let from = touched.iter().map(|(_, tenant)| tenant.version).min();
        let applied = set
            .migrations
            .iter()
            .filter(|file| from.is_some_and(|from| file.version > from) && file.version <= target);
        match applied.clone().find(|file| file.down.is_none()) {
            Some(file) => Err(Error::NoWayBack(file.version)),
            None => Ok(()),
        }
    }

    async fn followed(&self, tx: &PublicTx, run: MigrationRunId) -> Result<Run, Error> {
        let run = store::get(tx, run).await?;
        run.ok_or(Error::Run("there is no such run"))
    }

    async fn kept(&self, tx: &PublicTx, run: MigrationRunId) -> Result<Kept, Error> {
        let kept = store::request(tx, run).await?;
        let kept = kept.ok_or(Error::Run("there is no such run"))?;
        serde_json::from_value(kept).map_err(|_| Error::Stored("request"))
    }
}

fn ids(tenants: Vec<(i16, Candidate)>) -> Vec<TenantId> {
    tenants.into_iter().map(|(_, tenant)| tenant.id).collect()
}

fn kept(selection: &Selection, rollout: &Rollout) -> Result<serde_json::Value, Error> {
    let kept = Kept {
        selection: selection.clone(),
        rollout: rollout.clone(),
    };
    serde_json::to_value(kept).map_err(|_| Error::Stored("request"))
}

/// Puts the tenants that are left of a run back into its waves.
fn by_wave(left: Vec<(i16, Candidate)>, rollout: &Rollout) -> Vec<Wave> {
    let mut waves: Vec<(i16, Wave)> = Vec::new();
    for (number, tenant) in left {
        match waves.last_mut() {
            Some((last, wave)) if *last == number => wave.tenants.push(tenant),
            _ => waves.push((
                number,
                Wave {
                    tenants: vec![tenant],
                    tolerance: rollout.tolerance_of(number),
                },
            )),
        }
    }
    waves.into_iter().map(|(_, wave)| wave).collect()
}
