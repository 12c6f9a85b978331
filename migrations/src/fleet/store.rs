//! The record of runs and of what came of each tenant in them.

use std::time::Duration;

use resido_proto::{
    error::Invalid,
    filter::Kind,
    ids::{MigrationRunId, TenantId},
};
use resido_tenancy::db::{Ask, Column, ListRequest, Listing, PublicTx, Row, params};
use serde_json::Value;
use uuid::Uuid;

use super::{
    model::{Came, ItemState, Run, RunKind, RunState},
    plan::{Candidate, Wave},
    request::Selection,
};
use crate::{Error, statement::column};

/// Runs and items forgotten at once, at most.
const BATCH: i64 = 500;

/// How runs are listed.
pub const RUNS: Listing = Listing {
    select: "id, kind, of_run, state, target_version, total, done, failed, failures, actor,
             create_time, end_time",
    from: "migration_runs",
    scope: "true",
    columns: &[
        text("state", "state"),
        text("kind", "kind"),
        Column {
            field: "create_time",
            sql: "create_time",
            kind: Kind::Time,
            sort: true,
        },
    ],
    id: "id",
    order: "create_time desc",
};
/// How the tenants of a run are selected.
const TENANTS: Listing = Listing {
    select: "id, lock_no, schema_version, fingerprint",
    from: "tenants",
    scope: "state in ('active', 'suspended', 'maintenance')
            and (cardinality($1::uuid[]) = 0 or id = any($1)) and not id = any($2)",
    columns: &[
        text("slug", "slug"),
        text("plan", "plan"),
        text("state", "state"),
        text("placement", "placement"),
        Column {
            field: "schema_version",
            sql: "schema_version",
            kind: Kind::Integer,
            sort: true,
        },
        Column {
            field: "create_time",
            sql: "create_time",
            kind: Kind::Time,
            sort: true,
        },
    ],
    id: "id",
    order: "create_time",
};
const UNSERVED: &str = "
    select id, state from unnest($1::uuid[]) as named (id)
      left join tenants using (id)
     where state is null or state not in ('active', 'suspended', 'maintenance')
     limit 1";
const GET: &str = "
    select id, kind, of_run, state, target_version, total, done, failed, failures, actor,
           create_time, end_time
      from migration_runs where id = $1";
const REQUEST: &str = "select request from migration_runs where id = $1";
const INSERT: &str = "
    insert into migration_runs
           (id, kind, of_run, target_version, total, done, actor, request, lease_until, owner)
    values ($1, $2, $3, $4, $5, $6, $7, $8, now() + make_interval(secs => $9), $10)
    returning id, kind, of_run, state, target_version, total, done, failed, failures, actor,
              create_time, end_time";
const TAKE_UP: &str = "
    update migration_runs
       set state = 'running', end_time = null, failed = 0, failures = '[]', done = total - $4,
           lease_until = now() + make_interval(secs => $2), owner = $3
     where id = $1 and state in ('halted', 'interrupted', 'abandoned', 'failed')
    returning id, kind, of_run, state, target_version, total, done, failed, failures, actor,
              create_time, end_time";
const ITEMS: &str = "
    insert into migration_items (run_id, tenant_id, wave, from_version, version)
    select $1, tenant_id, $2, version, version
      from unnest($3::uuid[], $4::int8[]) as item (tenant_id, version)";
const CAME: &str = "
    update migration_items
       set state = $3, version = $4, files = $5, ms = $6, error = $7, message = $8
     where run_id = $1 and tenant_id = $2
       and exists (select from migration_runs where id = $1 and owner = $9)";
const ROLLED_BACK: &str = "
    update migration_items set state = 'rolled_back', version = $3
     where run_id = $1 and tenant_id = $2";
const LEFT: &str = "
    select tenant_id, lock_no, wave, from_version
      from migration_items i join tenants t on t.id = i.tenant_id
     where run_id = $1 and i.state = any($2)
       and t.state in ('active', 'suspended', 'maintenance')
     order by wave, tenant_id";
const PROGRESS: &str = "
    update migration_runs
       set done = $2, failed = $3, failures = $4,
           lease_until = now() + make_interval(secs => $5)
     where id = $1 and state = 'running' and owner = $6";
const FINISH: &str = "
    update migration_runs
       set state = $2, done = $3, failed = $4, failures = $5, end_time = now(),
           lease_until = null
     where id = $1 and state = 'running' and owner = $6
    returning id, kind, of_run, state, target_version, total, done, failed, failures, actor,
              create_time, end_time";
const ABANDON: &str = "
    update migration_runs set state = 'abandoned', end_time = now(), lease_until = null
     where state = 'running' and lease_until < now()";
const FORGET: &str = "
    delete from migration_runs
     where id in (select id from migration_runs
                   where state <> 'running' and end_time < now() - interval '1 year'
                   order by end_time limit $1)";

const fn text(field: &'static str, sql: &'static str) -> Column {
    Column {
        field,
        sql,
        kind: Kind::Text,
        sort: false,
    }
}

/// A tenant, and what its record says of its files.
pub(super) struct Selected {
    pub(super) tenant: Candidate,
    pub(super) fingerprint: String,
}

/// Returns the tenants that a selection lets through, in the order they were
/// made.
///
/// # Errors
/// [`Error::Invalid`] if the filter cannot be read, or a tenant that was named is
/// not in service.
pub(super) async fn select(tx: &PublicTx, selection: &Selection) -> Result<Vec<Selected>, Error> {
    let ids = |tenants: &[TenantId]| tenants.iter().map(TenantId::as_uuid).collect::<Vec<_>>();
    let (named, excluded) = (ids(&selection.tenants), ids(&selection.exclude));
    if let Some(row) = tx.query_opt(UNSERVED, params![named]).await? {
        let id = TenantId::from_uuid(column::<Uuid>(&row, "id")?);
        let state: Option<String> = column(&row, "state")?;
        return Err(Error::NotServed { id, state });
    }
    let mut found = Vec::new();
    let mut token = String::new();
    loop {
        let request = TENANTS
            .request(Ask {
                page_size: 1000,
                page_token: &token,
                filter: &selection.filter,
                order_by: "",
            })
            .map_err(Invalid)?;
        let page = tx
            .list(&TENANTS, params![named, excluded], &request)
            .await?;
        for row in &page.rows {
            found.push(Selected {
                tenant: candidate(row, "id", "schema_version")?,
                fingerprint: column(row, "fingerprint")?,
            });
        }
        token = page.next_page_token;
        if token.is_empty() {
            return Ok(found);
        }
    }
}

/// A run to be written down.
pub(super) struct NewRun<'a> {
    pub(super) kind: RunKind,
    pub(super) of: Option<MigrationRunId>,
    pub(super) target: i64,
    pub(super) current: u32,
    pub(super) actor: &'a str,
    /// What was asked, so that it can be gone on with.
    pub(super) request: Value,
    /// Who holds it.
    pub(super) owner: Uuid,
}

/// Writes a run down with its tenants, so that no other begins.
///
/// # Errors
/// [`Error::Locked`] if one is under way.
pub(super) async fn insert(
    tx: &PublicTx,
    new: NewRun<'_>,
    waves: &[Wave],
    lease: Duration,
) -> Result<Run, Error> {
    let id = MigrationRunId::new().as_uuid();
    let missing: usize = waves.iter().map(|wave| wave.tenants.len()).sum();
    let current = i32::try_from(new.current).unwrap_or(i32::MAX);
    let total = i32::try_from(missing)
        .unwrap_or(i32::MAX)
        .saturating_add(current);
    let (kind, of) = (new.kind.as_str(), new.of.map(|run| run.as_uuid()));
    let lease = lease.as_secs_f64();
    let values = params![
        id,
        kind,
        of,
        new.target,
        total,
        current,
        new.actor,
        new.request,
        lease,
        new.owner
    ];
    let row = match tx.query_one(INSERT, values).await {
        Err(error) if error.constraint() == Some("migration_runs_running") => {
            return Err(Error::Locked);
        }
        row => row?,
    };
    for (number, wave) in (0_i16..).zip(waves) {
        let ids: Vec<_> = wave
            .tenants
            .iter()
            .map(|tenant| tenant.id.as_uuid())
            .collect();
        let versions: Vec<_> = wave.tenants.iter().map(|tenant| tenant.version).collect();
        tx.execute(ITEMS, params![id, number, ids, versions])
            .await?;
    }
    read(&row)
}

/// Goes on with a run, for so many tenants that are left of it; `None` if it is
/// under way or came to its end.
pub(super) async fn take_up(
    tx: &PublicTx,
    (run, owner): (MigrationRunId, Uuid),
    left: u32,
    lease: Duration,
) -> Result<Option<Run>, Error> {
    let (id, lease) = (run.as_uuid(), lease.as_secs_f64());
    let left = i32::try_from(left).unwrap_or(i32::MAX);
    match tx.query_opt(TAKE_UP, params![id, lease, owner, left]).await {
        Err(error) if error.constraint() == Some("migration_runs_running") => Err(Error::Locked),
        row => row?.as_ref().map(read).transpose(),
    }
}

/// Returns what was asked of a run.
pub(super) async fn request(tx: &PublicTx, run: MigrationRunId) -> Result<Option<Value>, Error> {
    let row = tx.query_opt(REQUEST, params![run.as_uuid()]).await?;
    row.map(|row| column(&row, "request")).transpose()
}

/// Returns the tenants of a run that stand in one of these ways, by wave.
pub(super) async fn left(
    tx: &PublicTx,
    run: MigrationRunId,
    states: &[ItemState],
) -> Result<Vec<(i16, Candidate)>, Error> {
    let states: Vec<_> = states
        .iter()
        .map(|state| state.as_str().to_owned())
        .collect();
    let rows = tx.query(LEFT, params![run.as_uuid(), states]).await?;
    let read = |row: &Row| {
        Ok((
            column(row, "wave")?,
            candidate(row, "tenant_id", "from_version")?,
        ))
    };
    rows.iter().map(read).collect()
}

/// Writes down what came of a tenant, if the run is still this process's.
pub(super) async fn came(
    tx: &PublicTx,
    (run, owner): (MigrationRunId, Uuid),
    came: &Came,
) -> Result<(), Error> {
    let files = i32::try_from(came.files).unwrap_or(i32::MAX);
    let ms = i64::try_from(came.ms).unwrap_or(i64::MAX);
    let (run, tenant) = (run.as_uuid(), came.tenant.as_uuid());
    let state = came.state.as_str();
    let values = params![
        run,
        tenant,
        state,
        came.version,
        files,
        ms,
        came.error,
        came.message,
        owner
    ];
    tx.execute(CAME, values).await?;
    Ok(())
}

/// Writes down, in the run that was undone, that it was in a tenant.
pub(super) async fn rolled_back(
    tx: &PublicTx,
    run: MigrationRunId,
    came: &Came,
) -> Result<(), Error> {
    let (run, tenant) = (run.as_uuid(), came.tenant.as_uuid());
    tx.execute(ROLLED_BACK, params![run, tenant, came.version])
        .await?;
    Ok(())
}

/// Writes down how far a run came and holds it further; false if it is no longer
/// this process's.
pub(super) async fn progress(
    tx: &PublicTx,
    (run, owner): (&Run, Uuid),
    lease: Duration,
) -> Result<bool, Error> {
    let (done, failed) = counts(run);
    let (id, failures, lease) = (run.id.as_uuid(), failures(run)?, lease.as_secs_f64());
    let values = params![id, done, failed, failures, lease, owner];
    Ok(tx.execute(PROGRESS, values).await? == 1)
}

/// Writes down how a run ended; `None` if it is no longer this process's.
pub(super) async fn finish(
    tx: &PublicTx,
    (run, owner): (&Run, Uuid),
    state: RunState,
) -> Result<Option<Run>, Error> {
    let (done, failed) = counts(run);
    let (id, state) = (run.id.as_uuid(), state.as_str());
    let failures = failures(run)?;
    let values = params![id, state, done, failed, failures, owner];
    let row = tx.query_opt(FINISH, values).await?;
    row.as_ref().map(read).transpose()
}

/// Notes which runs nobody works on any more, and forgets those that ended a year
/// ago.
pub(super) async fn sweep(tx: &PublicTx) -> Result<u64, Error> {
    tx.execute(FORGET, params![BATCH]).await?;
    Ok(tx.execute(ABANDON, params![]).await?)
}

pub(super) async fn get(tx: &PublicTx, id: MigrationRunId) -> Result<Option<Run>, Error> {
    let row = tx.query_opt(GET, params![id.as_uuid()]).await?;
    row.as_ref().map(read).transpose()
}

pub(super) async fn list(
    tx: &PublicTx,
    request: &ListRequest,
) -> Result<(Vec<Run>, String), Error> {
    let page = tx.list(&RUNS, params![], request).await?;
    let runs = page.rows.iter().map(read).collect::<Result<_, _>>()?;
    Ok((runs, page.next_page_token))
}

fn counts(run: &Run) -> (i32, i32) {
    let count = |number| i32::try_from(number).unwrap_or(i32::MAX);
    (count(run.done), count(run.failed))
}

fn failures(run: &Run) -> Result<Value, Error> {
    serde_json::to_value(&run.failures).map_err(|_| Error::Stored("failures"))
}

fn candidate(row: &Row, id: &str, version: &str) -> Result<Candidate, Error> {
    Ok(Candidate {
        id: TenantId::from_uuid(column::<Uuid>(row, id)?),
        lock_no: column(row, "lock_no")?,
        version: column(row, version)?,
    })
}

fn read(row: &Row) -> Result<Run, Error> {
    let count = |name| column::<i32>(row, name).map(|number| u32::try_from(number).unwrap_or(0));
    let run = |id| MigrationRunId::from_uuid(id);
    Ok(Run {
        id: run(column(row, "id")?),
        kind: RunKind::named(column(row, "kind")?).ok_or(Error::Stored("kind"))?,
        of: column::<Option<Uuid>>(row, "of_run")?.map(run),
        state: RunState::named(column(row, "state")?).ok_or(Error::Stored("state"))?,
        target: column(row, "target_version")?,
        total: count("total")?,
        done: count("done")?,
        failed: count("failed")?,
        failures: serde_json::from_value(column(row, "failures")?)
            .map_err(|_| Error::Stored("failures"))?,
        actor: column(row, "actor")?,
        created: column(row, "create_time")?,
        ended: column(row, "end_time")?,
    })
}
