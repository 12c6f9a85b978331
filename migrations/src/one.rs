//! One tenant: what it is missing, file by file, each in a transaction of its
//! own.

use std::time::Duration;

use resido_proto::ids::TenantId;
use resido_tenancy::db::{self, PublicDatabase, PublicTx, params};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    Error, Form, Migration, Pace, Set, Sets,
    alone::Alone,
    change::{self, Place},
    history::{self, Applied, Order},
    patience::Patience,
    statement::{Admits, admit},
};

/// Time of the statements around a file.
const BOOKKEEPING: Duration = Duration::from_secs(60);

/// A tenant, and how far it is to come.
#[derive(Debug, Clone)]
pub(crate) struct Job<'a> {
    pub(crate) set: &'a Set,
    pub(crate) tenant: TenantId,
    pub(crate) lock_no: i32,
    /// The last file that is applied.
    pub(crate) to: i64,
    pub(crate) order: Order,
    /// The run that this is part of.
    pub(crate) run: Option<Uuid>,
    /// How long another process's work on the tenant is waited for.
    pub(crate) lock_wait: Duration,
    /// Ends every wait.
    pub(crate) stop: CancellationToken,
    /// Whose tenants are worked on.
    pub(crate) admits: Admits,
}

/// What one transaction did.
enum Step<'a> {
    /// It applied a file, and there are more; the version then.
    Applied(i64),
    /// It applied the last file; the version then.
    Last(i64),
    /// Nothing was missing; the version.
    Current(i64),
    /// The next file runs on its own; what was applied before it.
    Alone(&'a Migration, Vec<Applied>),
}

/// How far a tenant came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    /// How many files were applied or undone.
    pub(crate) files: u32,
    /// The version of the schema.
    pub(crate) version: i64,
}

impl Progress {
    /// Nothing was done yet.
    pub(crate) fn at(version: i64) -> Self {
        Self { files: 0, version }
    }

    /// Notes one more file, and the version then.
    pub(crate) fn applied(&mut self, version: i64) {
        self.files = self.files.saturating_add(1);
        self.version = version;
    }
}

impl Job<'_> {
    /// Applies what is missing, and notes in `came` how many files that were and
    /// the version then, also if one of them failed.
    ///
    /// # Errors
    /// [`Error::Ahead`], [`Error::Changed`], [`Error::Gap`] if nothing may be
    /// applied; [`Error::NotServed`] if the tenant went out of service meanwhile;
    /// [`Error::Locked`] if another process works on the tenant for too long; what
    /// a file failed of. Files before that one stay applied.
    pub(crate) async fn bring(
        &self,
        db: &PublicDatabase,
        came: &mut Progress,
    ) -> Result<(), Error> {
        let mut patience = Patience::new(self.lock_wait, self.stop.clone());
        loop {
            let stepped = match self.step(db).await {
                Ok(Step::Alone(next, applied)) => self.alone(db, next, applied).await,
                other => other,
            };
            match stepped {
                Ok(Step::Current(version)) => {
                    came.version = version;
                    return Ok(());
                }
                Ok(Step::Last(version)) => {
                    came.applied(version);
                    return Ok(());
                }
                Ok(Step::Applied(version)) => {
                    came.applied(version);
                    patience.renew();
                }
                // `alone` never answers with a file that is still to be applied.
                Ok(Step::Alone(..)) => patience.renew(),
                Err(error) => patience.after(error).await?,
            }
        }
    }

    async fn step(&self, db: &PublicDatabase) -> Result<Step<'_>, Error> {
        let tx = db.begin_long(BOOKKEEPING).await?;
        let stepped = self.step_within(&tx).await;
        tx.finish(stepped).await
    }

    async fn step_within(&self, tx: &PublicTx) -> Result<Step<'_>, Error> {
        admit(tx, (self.tenant, self.lock_no), self.admits).await?;
        tx.enter_tenant(self.tenant).await?;
        let applied = history::read(&tx.query(history::HISTORY, params![]).await?)?;
        let missing = history::standing(self.set, &applied, self.to, self.order);
        let missing = missing.missing(self.set)?;
        let (step, version) = match missing.as_slice() {
            [] => {
                let version = history::reached(&applied, None);
                (Step::Current(version), version)
            }
            [next, ..] if next.header.form == Form::NoTransaction => {
                return Ok(Step::Alone(next, applied));
            }
            [next, rest @ ..] => {
                let place = Place::of_tenant(tx.database(), self.tenant);
                change::apply(tx, next, &place, self.run).await?;
                let version = history::reached(&applied, Some(next.version));
                let step = if rest.is_empty() {
                    Step::Last(version)
                } else {
                    Step::Applied(version)
                };
                (step, version)
            }
        };
        change::settle(tx, self.set, self.tenant, version).await?;
        Ok(step)
    }

    async fn alone(
        &self,
        db: &PublicDatabase,
        migration: &Migration,
        applied: Vec<Applied>,
    ) -> Result<Step<'_>, Error> {
        let reached = history::reached(&applied, Some(migration.version));
        let alone = Alone {
            set: self.set,
            migration,
            tenant: (self.tenant, self.lock_no),
            order: self.order,
            run: self.run,
            reached,
        };
        alone.apply(db).await?;
        Ok(Step::Applied(reached))
    }
}

/// Applies what one tenant is missing, whatever its state: one that is to be
/// restored was passed over by the runs. Returns how many files that were; a
/// schema that is newer than the files is left alone.
///
/// # Errors
/// [`Error::Changed`] or [`Error::Gap`] if they do not fit it; [`Error::Locked`], [`Error::Failed`],
/// [`Error::Database`]. Files that were applied before one failed stay.
pub async fn migrate_tenant(
    db: &PublicDatabase,
    sets: &Sets,
    (tenant, lock_no): (TenantId, i32),
) -> Result<u32, Error> {
    let pace = Pace::default();
    let job = Job {
        set: &sets.tenant,
        tenant,
        lock_no,
        to: sets.tenant.latest(),
        order: Order::Strict,
        run: None,
        lock_wait: pace.lock_wait,
        stop: CancellationToken::new(),
        admits: Admits::Everybody,
    };
    let mut came = Progress::at(0);
    let work = tokio::time::timeout(pace.timeout, job.bring(db, &mut came)).await;
    match work.unwrap_or(Err(Error::Database(db::Error::Deadline))) {
        Ok(()) => Ok(came.files),
        Err(Error::Ahead { .. }) => Ok(0),
        Err(error) => Err(error),
    }
}
