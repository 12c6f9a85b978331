//! Applies what is missing: the control plane's tables first, then each tenant.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream};
use resido_proto::ids::TenantId;
use resido_tenancy::db::{self, PublicDatabase, params};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    Error, Set, Sets, history,
    statement::{PUBLIC_LOCK, TENANT_LOCKS, column, lock, script},
};

/// How long another process's migration of the same thing is waited for.
const LOCK_WAIT: Duration = Duration::from_secs(60);
/// Tries of one migration of one tenant when it meets locks.
const TRIES: u32 = 5;

const SET_FENCE_VERSION: &str = "update _tenant set schema_version = $1
    where schema_version <> $1";
const ANNOUNCE: &str = "insert into outbox (tenant_id) values ($1)";
const TENANTS: &str = "
    select id, lock_no from tenants
     where state in ('active', 'suspended', 'maintenance')
       and (schema_version <> $1 or fingerprint <> $2)
       and ($3::uuid is null or id = $3)
     order by id";

/// How tenants are migrated.
#[derive(Debug, Clone)]
pub struct Options {
    /// Tenants at once; at least one.
    pub concurrency: u16,
    /// Time of one tenant at most.
    pub timeout: Duration,
    /// This tenant alone.
    pub only: Option<TenantId>,
    /// Logs each tenant.
    pub log: bool,
}

impl Default for Options {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            concurrency: u16::try_from(cores * 2).unwrap_or(8).min(8),
            timeout: Duration::from_secs(300),
            only: None,
            log: false,
        }
    }
}

/// What became of one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// So many files were applied.
    Done {
        /// How many.
        applied: usize,
    },
    /// The schema is newer than this program; it was left alone.
    Ahead,
    /// A file was changed after it was applied; nothing was done.
    Changed,
    /// A file failed; those before it stay applied.
    Failed {
        /// What the database said, as an SQLSTATE.
        sqlstate: Option<String>,
        /// What failed.
        message: String,
    },
}

/// What a run did.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// What became of each tenant that was not current.
    pub tenants: BTreeMap<String, Outcome>,
}

impl Report {
    /// Returns how many tenants are not as they should be.
    #[must_use]
    pub fn failures(&self) -> usize {
        let fine = |outcome: &&Outcome| !matches!(outcome, Outcome::Done { .. } | Outcome::Ahead);
        self.tenants.values().filter(fine).count()
    }
}

/// Applies the control plane's own files and returns how many were missing.
///
/// # Errors
/// [`Error::Changed`], [`Error::Failed`], [`Error::Locked`] after a minute, or
/// [`Error::Database`].
pub async fn migrate_public(db: &PublicDatabase, sets: &Sets) -> Result<usize, Error> {
    let mut applied = 0;
    let started = Instant::now();
    loop {
        match next_public(db, &sets.public).await {
            Ok(true) => applied += 1,
            Ok(false) => return Ok(applied),
            Err(Error::Locked) if started.elapsed() < LOCK_WAIT => pause(1).await,
            Err(error) => return Err(error),
        }
    }
}

/// Applies the next file in a transaction of its own; false if none is missing.
async fn next_public(db: &PublicDatabase, set: &Set) -> Result<bool, Error> {
    let timeout = set
        .migrations
        .iter()
        .map(|migration| migration.timeout)
        .max();
    let tx = db.begin_long(timeout.unwrap_or(LOCK_WAIT)).await?;
    let work = async {
        lock(&tx, PUBLIC_LOCK.0, PUBLIC_LOCK.1).await?;
        script(&tx, history::TABLE).await?;
        let pending = history::pending(&tx, set).await?;
        let Some(migration) = pending.first() else {
            return Ok(false);
        };
        history::apply(&tx, migration).await?;
        Ok(true)
    };
    let result = work.await;
    tx.finish(result).await
}

/// Applies the tenants' files to every tenant that is behind. One tenant's
/// failure does not stop the others: it is in the report.
///
/// # Errors
/// [`Error::Database`] if the tenants cannot be listed.
pub async fn migrate_tenants(
    db: &PublicDatabase,
    sets: &Sets,
    options: &Options,
) -> Result<Report, Error> {
    let only = options.only.map(|id| id.as_uuid());
    let tx = db.begin_long(LOCK_WAIT).await?;
    let latest = sets.tenant.latest();
    let fingerprint = sets.tenant.fingerprint(latest);
    let listed = tx.query(TENANTS, params![latest, fingerprint, only]).await;
    let rows = tx.finish(listed).await?;
    let mut tenants = Vec::with_capacity(rows.len());
    for row in rows {
        let id = TenantId::from_uuid(column::<Uuid>(&row, "id")?);
        tenants.push((id, column::<i32>(&row, "lock_no")?));
    }
    let outcomes = stream::iter(tenants)
        .map(|(id, lock_no)| async move {
            let outcome = outcome_of(db, &sets.tenant, (id, lock_no), options).await;
            if options.log {
                tracing::info!(tenant.id = %id, ?outcome, "tenant migrated");
            }
            (id.to_string(), outcome)
        })
        .buffer_unordered(usize::from(options.concurrency.max(1)))
        .collect()
        .await;
    Ok(Report { tenants: outcomes })
}

/// Applies what one tenant is missing, whatever its state: one that is to be
/// restored was passed over by [`migrate_tenants`].
///
/// # Errors
/// As [`migrate_public`]; files that were applied before one failed stay.
pub async fn migrate_tenant(
    db: &PublicDatabase,
    sets: &Sets,
    tenant: (TenantId, i32),
) -> Result<Outcome, Error> {
    let work = all_of_tenant(db, &sets.tenant, tenant);
    let limit = Options::default().timeout;
    let result = tokio::time::timeout(limit, work).await;
    result.unwrap_or(Err(Error::Database(db::Error::Deadline)))
}

async fn outcome_of(
    db: &PublicDatabase,
    set: &Set,
    tenant: (TenantId, i32),
    options: &Options,
) -> Outcome {
    let work = all_of_tenant(db, set, tenant);
    let result = tokio::time::timeout(options.timeout, work).await;
    match result.unwrap_or(Err(Error::Database(db::Error::Deadline))) {
        Ok(outcome) => outcome,
        Err(Error::Changed { .. }) => Outcome::Changed,
        Err(error) => {
            tracing::error!(
                tenant.id = %tenant.0,
                error = &error as &dyn std::error::Error,
                "a tenant could not be migrated"
            );
            let sqlstate = error.sqlstate().map(str::to_owned);
            Outcome::Failed {
                sqlstate,
                message: error.to_string(),
            }
        }
    }
}

async fn all_of_tenant(
    db: &PublicDatabase,
    set: &Set,
    tenant: (TenantId, i32),
) -> Result<Outcome, Error> {
    let (mut applied, mut tries) = (0, 1);
    let started = Instant::now();
    loop {
        match next_of_tenant(db, set, tenant).await {
            Ok(Step::Applied) => (applied, tries) = (applied + 1, 1),
            Ok(Step::Last) => {
                return Ok(Outcome::Done {
                    applied: applied + 1,
                });
            }
            Ok(Step::Current) => return Ok(Outcome::Done { applied }),
            Ok(Step::Ahead) => return Ok(Outcome::Ahead),
            Err(Error::Locked) if started.elapsed() < LOCK_WAIT => pause(1).await,
            Err(error) if tries < TRIES && is_passing(&error) => {
                pause(tries).await;
                tries += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

/// What one transaction did for a tenant.
enum Step {
    /// It applied a file, and there are more.
    Applied,
    /// It applied the last file.
    Last,
    /// Nothing was missing: somebody else was faster, or the record was behind.
    Current,
    /// The schema is newer than the files.
    Ahead,
}

/// Applies a tenant's next file in a transaction of its own, and records how far
/// the tenant came; gateways hear of it if the record changed.
async fn next_of_tenant(
    db: &PublicDatabase,
    set: &Set,
    (id, lock_no): (TenantId, i32),
) -> Result<Step, Error> {
    let timeout = set
        .migrations
        .iter()
        .map(|migration| migration.timeout)
        .max();
    let tx = db.begin_long(timeout.unwrap_or(LOCK_WAIT)).await?;
    let work = async {
        lock(&tx, TENANT_LOCKS, lock_no).await?;
        tx.enter_tenant(id).await?;
        let pending = match history::pending(&tx, set).await {
            Err(Error::Ahead { .. }) => return Ok(Step::Ahead),
            pending => pending?,
        };
        let (step, version) = match pending.as_slice() {
            [] => (Step::Current, set.latest()),
            [last] => (Step::Last, last.version),
            [next, ..] => (Step::Applied, next.version),
        };
        if let Some(next) = pending.first() {
            history::apply(&tx, next).await?;
        }
        tx.execute(SET_FENCE_VERSION, params![version]).await?;
        tx.leave_tenant().await?;
        if history::reach(&tx, set, id, version).await? {
            tx.execute(ANNOUNCE, params![id.as_uuid()]).await?;
        }
        Ok(step)
    };
    let result = work.await;
    tx.finish(result).await
}

/// Whether trying again may help: somebody else held a lock, or the connection
/// broke.
fn is_passing(error: &Error) -> bool {
    match error {
        Error::Failed { source, .. } | Error::Database(source) => {
            matches!(source, db::Error::Conflict(_) | db::Error::Away(_))
        }
        _ => false,
    }
}

/// Waits a little, longer with each try, and not as long as others do.
async fn pause(tries: u32) {
    let random = u64::from(Uuid::new_v4().as_bytes()[0]);
    let bound = 100_u64 << tries.min(6);
    tokio::time::sleep(Duration::from_millis(20 + bound * random / 255)).await;
}
