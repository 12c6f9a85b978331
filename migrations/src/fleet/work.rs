//! What a run does with one tenant.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use resido_proto::ids::MigrationRunId;
use resido_tenancy::db::{self, PublicDatabase, PublicTx, params};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    model::{Came, ItemState, RunKind},
    plan::Candidate,
    store,
};
use crate::{
    Error, Form, Migration, Order, Sets,
    change::{self, Place},
    history,
    one::{Job, Progress},
    patience::Patience,
    statement::{Admits, admit, column},
};

const BOOKKEEPING: Duration = Duration::from_secs(60);
/// What a run applied to a schema, and whether anything came after it.
const OF_RUN: &str = "
    select version, run_id is not distinct from $1 as of_run
      from _migrations where state = 'done' order by version desc";

/// What is the same for all tenants of a run.
#[derive(Clone)]
pub(super) struct Worker {
    pub(super) db: PublicDatabase,
    pub(super) sets: Arc<Sets>,
    pub(super) run: MigrationRunId,
    /// Who holds the run.
    pub(super) owner: Uuid,
    pub(super) kind: RunKind,
    /// The run that is undone.
    pub(super) of: Option<MigrationRunId>,
    pub(super) target: i64,
    pub(super) order: Order,
    pub(super) timeout: Duration,
    pub(super) lock_wait: Duration,
    pub(super) stop: CancellationToken,
}

impl Worker {
    /// Does with a tenant what the run is for, and writes down what came of it.
    pub(super) async fn work(self, tenant: Candidate) -> Came {
        let started = Instant::now();
        let mut progress = Progress::at(tenant.version);
        let limit = self.limit(tenant.version);
        let worked = tokio::time::timeout(limit, self.attempt(tenant, &mut progress)).await;
        let result = worked.unwrap_or(Err(Error::Database(db::Error::Deadline)));
        if let Err(error) = &result {
            tracing::warn!(
                tenant.id = %tenant.id,
                error = error as &dyn std::error::Error,
                "a tenant could not be migrated"
            );
        }
        let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let came = Came::of((tenant.id, self.kind), progress, result, ms);
        if let Err(error) = self.write_down(&came).await {
            // A run that is gone on with looks at the tenant again.
            tracing::warn!(
                tenant.id = %tenant.id,
                error = &error as &dyn std::error::Error,
                "what came of a tenant could not be written down"
            );
        }
        came
    }

    /// Returns the time of one tenant: no less than a file asks for.
    fn limit(&self, version: i64) -> Duration {
        let files = self.sets.tenant.migrations.iter();
        let asked = files.filter(|file| file.version > version && file.version <= self.target);
        let longest = asked.map(|file| file.header.timeout).max();
        self.timeout.max(longest.unwrap_or_default() + BOOKKEEPING)
    }

    async fn attempt(&self, tenant: Candidate, came: &mut Progress) -> Result<(), Error> {
        match self.kind {
            RunKind::Up => self.job(tenant).bring(&self.db, came).await,
            RunKind::Rehearse => self.rehearse(tenant, came).await,
            RunKind::Rollback => self.undo(tenant, came).await,
        }
    }

    fn job(&self, tenant: Candidate) -> Job<'_> {
        Job {
            set: &self.sets.tenant,
            tenant: tenant.id,
            lock_no: tenant.lock_no,
            to: self.target,
            order: self.order,
            run: Some(self.run.as_uuid()),
            lock_wait: self.lock_wait,
            stop: self.stop.clone(),
            admits: Admits::InService,
        }
    }

    fn patience(&self) -> Patience {
        Patience::new(self.lock_wait, self.stop.clone())
    }

    /// Applies what is missing in one transaction and undoes it. Files that run
    /// outside a transaction are left out.
    async fn rehearse(&self, tenant: Candidate, came: &mut Progress) -> Result<(), Error> {
        let mut patience = self.patience();
        loop {
            let tx = self.db.begin_long(BOOKKEEPING).await?;
            let rehearsed = self.rehearse_within(&tx, tenant).await;
            tx.rollback().await?;
            match rehearsed {
                Ok(files) => {
                    came.files = files;
                    return Ok(());
                }
                Err(error) => patience.after(error).await?,
            }
        }
    }

    async fn rehearse_within(&self, tx: &PublicTx, tenant: Candidate) -> Result<u32, Error> {
        admit(tx, (tenant.id, tenant.lock_no), Admits::InService).await?;
        tx.enter_tenant(tenant.id).await?;
        let applied = history::read(&tx.query(history::HISTORY, params![]).await?)?;
        let set = &self.sets.tenant;
        let missing = history::standing(set, &applied, self.target, self.order).missing(set)?;
        let place = Place::of_tenant(tx.database(), tenant.id);
        let mut files = 0;
        let inside = |file: &&&Migration| file.header.form == Form::Transaction;
        for migration in missing.iter().filter(inside) {
            change::apply(tx, migration, &place, None).await?;
            files += 1;
        }
        Ok(files)
    }

    /// Undoes, newest first, what the run applied.
    async fn undo(&self, tenant: Candidate, came: &mut Progress) -> Result<(), Error> {
        let mut patience = self.patience();
        loop {
            let tx = self.db.begin_long(BOOKKEEPING).await?;
            let step = self.undo_within(&tx, tenant).await;
            match tx.finish(step).await {
                Ok(Undone::File(version)) => {
                    came.applied(version);
                    patience.renew();
                }
                Ok(Undone::Nothing(version)) => {
                    came.version = version;
                    return Ok(());
                }
                Err(error) => patience.after(error).await?,
            }
        }
    }

    /// Undoes the last file, if it is the run's.
    async fn undo_within(&self, tx: &PublicTx, tenant: Candidate) -> Result<Undone, Error> {
        admit(tx, (tenant.id, tenant.lock_no), Admits::InService).await?;
        tx.enter_tenant(tenant.id).await?;
        let of = self.of.map(|run| run.as_uuid());
        let rows = tx.query(OF_RUN, params![of]).await?;
        let mut applied = Vec::with_capacity(rows.len());
        for row in &rows {
            applied.push((
                column::<i64>(row, "version")?,
                column::<bool>(row, "of_run")?,
            ));
        }
        let version = applied.first().map_or(0, |(version, _)| *version);
        let Some(at) = applied.iter().position(|(_, of_run)| *of_run) else {
            return Ok(Undone::Nothing(version));
        };
        if at > 0 {
            return Err(Error::Run(
                "a later run applied files as well: undo that one first",
            ));
        }
        let place = Place::of_tenant(tx.database(), tenant.id);
        change::undo(tx, self.file(version)?, &place).await?;
        let before = applied.get(1).map_or(0, |(version, _)| *version);
        change::settle(tx, &self.sets.tenant, tenant.id, before).await?;
        Ok(Undone::File(before))
    }

    fn file(&self, version: i64) -> Result<&Migration, Error> {
        let set = &self.sets.tenant;
        let name = set.name.as_str();
        let unknown = Error::Ahead { set: name, version };
        set.find(version).ok_or(unknown)
    }

    async fn write_down(&self, came: &Came) -> Result<(), Error> {
        let tx = self.db.begin(None).await?;
        let written = async {
            store::came(&tx, (self.run, self.owner), came).await?;
            if let (Some(of), ItemState::RolledBack) = (self.of, came.state) {
                store::rolled_back(&tx, of, came).await?;
            }
            Ok(())
        }
        .await;
        tx.finish(written).await
    }
}

/// What one transaction undid.
enum Undone {
    /// A file; the version then.
    File(i64),
    /// Nothing of the run is left; the version.
    Nothing(i64),
}
