//! Runs of migrations, and which tenants they are for.

use std::{collections::BTreeSet, time::Duration};

use resido_migrations as migrations;
use resido_proto::{
    filter::Kind,
    ids::{MigrationRunId, TenantId},
};
use resido_tenancy::db::{Column, ListRequest, Listing, PublicTx, Row, params};
use serde_json::Value;
use uuid::Uuid;

use super::model::{Candidate, Run, RunState};
use crate::{Error, row::column};

/// Runs that one turn forgets at most.
const BATCH: i64 = 500;

/// Runs, latest first.
pub(super) const LISTING: Listing = Listing {
    select: "id, state, target_version, total, done, failed, failures, actor, create_time,
             end_time",
    from: "migration_runs",
    scope: "true",
    columns: &[Column {
        field: "create_time",
        sql: "create_time",
        kind: Kind::Time,
        sort: true,
    }],
    id: "id",
    order: "create_time desc",
};
const GET: &str = "
    select id, state, target_version, total, done, failed, failures, actor, create_time, end_time
      from migration_runs where id = $1";
const CANDIDATES: &str = "
    select id, lock_no, state, schema_version,
           schema_version = $1 and fingerprint = $2 as is_current
      from tenants
     where case when cardinality($3::uuid[]) = 0
                then state in ('active', 'suspended', 'maintenance')
                else id = any($3) end
     order by id";
const INSERT: &str = "
    insert into migration_runs (id, target_version, total, done, actor, lease_until)
    values ($1, $2, $3, $4, $5, now() + make_interval(secs => $6))
    returning id, state, target_version, total, done, failed, failures, actor, create_time,
              end_time";
const PROGRESS: &str = "
    update migration_runs
       set done = $2, failed = $3, failures = $4,
           lease_until = now() + make_interval(secs => $5)
     where id = $1 and state = 'running'";
const FINISH: &str = "
    update migration_runs
       set state = $2, done = $3, failed = $4, failures = $5, end_time = now(),
           lease_until = null
     where id = $1 and state = 'running'
    returning id, state, target_version, total, done, failed, failures, actor, create_time,
              end_time";
const GIVE_UP: &str = "
    update migration_runs set state = 'abandoned', end_time = now(), lease_until = null
     where id = $1 and state = 'running'";
const ABANDON: &str = "
    update migration_runs set state = 'abandoned', end_time = now(), lease_until = null
     where state = 'running' and lease_until < now()";
const FORGET: &str = "
    delete from migration_runs
     where id in (select id from migration_runs
                   where state <> 'running' and end_time < now() - interval '1 year'
                   order by end_time limit $1)";

/// Reads the tenants that are asked for, or all that are in service.
///
/// # Errors
/// If one that is asked for does not exist or is not in service.
pub(super) async fn candidates(
    tx: &PublicTx,
    target: (i64, &str),
    wanted: &BTreeSet<TenantId>,
) -> Result<Vec<Candidate>, Error> {
    let ids: Vec<_> = wanted.iter().map(TenantId::as_uuid).collect();
    let rows = tx
        .query(CANDIDATES, params![target.0, target.1, ids])
        .await?;
    let found: Vec<_> = rows.iter().map(candidate).collect::<Result<_, _>>()?;
    if !wanted.is_empty() && found.len() < wanted.len() {
        return Err(Error::NotFound("tenant"));
    }
    match found.iter().find(|tenant| !is_served(tenant)) {
        Some(other) => Err(Error::TenantState(other.state)),
        None => Ok(found),
    }
}

/// Writes a run that begins now.
///
/// # Errors
/// `MIGRATION_RUNNING` if there is another.
pub(super) async fn insert(
    tx: &PublicTx,
    (id, target): (MigrationRunId, i64),
    (total, done): (i32, i32),
    actor: &str,
    lease: Duration,
) -> Result<Run, Error> {
    let (id, lease) = (id.as_uuid(), lease.as_secs_f64());
    let values = params![id, target, total, done, actor, lease];
    match tx.query_one(INSERT, values).await {
        Err(error) if error.constraint() == Some("migration_runs_running") => {
            Err(migrations::Error::Locked.into())
        }
        row => read(&row?),
    }
}

/// Writes how far a run has come, and that its process lives; false if it is not
/// running any more.
pub(super) async fn progress(tx: &PublicTx, run: &Run, lease: Duration) -> Result<bool, Error> {
    let (id, lease) = (run.id.as_uuid(), lease.as_secs_f64());
    let failures = failures(run)?;
    let values = params![id, run.done, run.failed, failures, lease];
    Ok(tx.execute(PROGRESS, values).await? == 1)
}

/// Ends a run; none if it is not running any more.
pub(super) async fn finish(
    tx: &PublicTx,
    run: &Run,
    state: RunState,
) -> Result<Option<Run>, Error> {
    let (id, state) = (run.id.as_uuid(), state.as_str());
    let failures = failures(run)?;
    let values = params![id, state, run.done, run.failed, failures];
    let row = tx.query_opt(FINISH, values).await?;
    row.as_ref().map(read).transpose()
}

/// Ends a run that goes no further.
pub(super) async fn give_up(tx: &PublicTx, id: MigrationRunId) -> Result<(), Error> {
    tx.execute(GIVE_UP, params![id.as_uuid()]).await?;
    Ok(())
}

/// Ends the runs whose process died, and forgets those that ended a year ago;
/// some at a time. Returns how many died.
///
/// # Errors
/// If the database fails.
pub(crate) async fn sweep(tx: &PublicTx) -> Result<u64, Error> {
    tx.execute(FORGET, params![BATCH]).await?;
    Ok(tx.execute(ABANDON, params![]).await?)
}

/// Reads one run.
pub(super) async fn get(tx: &PublicTx, id: MigrationRunId) -> Result<Run, Error> {
    let row = tx.query_opt(GET, params![id.as_uuid()]).await?;
    read(&row.ok_or(Error::NotFound("migration run"))?)
}

/// Reads a page of runs, and the token of the next one.
pub(super) async fn list(
    tx: &PublicTx,
    request: &ListRequest,
) -> Result<(Vec<Run>, String), Error> {
    let page = tx.list(&LISTING, params![], request).await?;
    let runs = page.rows.iter().map(read).collect::<Result<_, _>>()?;
    Ok((runs, page.next_page_token))
}

fn is_served(tenant: &Candidate) -> bool {
    use resido_tenancy::tenant::State;
    matches!(
        tenant.state,
        State::Active | State::Suspended | State::Maintenance
    )
}

fn failures(run: &Run) -> Result<Value, Error> {
    serde_json::to_value(&run.failures).map_err(|_| Error::Fault("failures cannot be written"))
}

fn candidate(row: &Row) -> Result<Candidate, Error> {
    let state: &str = column(row, "state")?;
    Ok(Candidate {
        id: TenantId::from_uuid(column::<Uuid>(row, "id")?),
        lock_no: column(row, "lock_no")?,
        state: state
            .parse()
            .map_err(|_| Error::Fault("a stored state is unknown"))?,
        version: column(row, "schema_version")?,
        is_current: column(row, "is_current")?,
    })
}

fn read(row: &Row) -> Result<Run, Error> {
    Ok(Run {
        id: MigrationRunId::from_uuid(column::<Uuid>(row, "id")?),
        state: RunState::named(column(row, "state")?)
            .ok_or(Error::Fault("a stored state is unknown"))?,
        target_version: column(row, "target_version")?,
        total: column(row, "total")?,
        done: column(row, "done")?,
        failed: column(row, "failed")?,
        failures: serde_json::from_value(column(row, "failures")?)
            .map_err(|_| Error::Fault("stored failures cannot be read"))?,
        actor: column(row, "actor")?,
        created: column(row, "create_time")?,
        ended: column(row, "end_time")?,
    })
}
