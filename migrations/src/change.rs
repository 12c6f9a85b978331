//! One file on its way into a schema, or out of it, in the transaction that
//! records it.

use std::time::Instant;

use resido_proto::ids::TenantId;
use resido_tenancy::{
    db::{PublicTx, params},
    tenant::{RoleNames, SchemaName},
};
use uuid::Uuid;

use crate::{
    Error, Header, Migration, Set,
    statement::{column, script},
};

/// Version of this program, kept with each migration it applies.
pub(crate) const APP_VERSION: &str = env!("CARGO_PKG_VERSION");

/// Nothing is recorded where the file ended as somebody else or somewhere else:
/// what it did is undone then.
const RECORD: &str = "
    insert into _migrations (version, name, checksum, ms, app_version, run_id)
    select $1, $2, $3, $4, $5, $6
     where current_user::text = $7 and current_schema()::text = $8";
const FORGET: &str = "
    delete from _migrations
     where version = $1 and current_user::text = $2 and current_schema()::text = $3";
const PLACE: &str = "select current_user::text as role, current_schema()::text as schema";
const SET_FENCE: &str = "
    update _tenant set schema_version = $1, needs_version = $2
     where (schema_version, needs_version) <> ($1, $2)";
/// Gateways hear of a tenant whose version changed.
const REACH: &str = "
    with reached as (
        update tenants set schema_version = $2, fingerprint = $3
         where id = $1 and (schema_version, fingerprint) <> ($2, $3)
     returning id
    )
    insert into outbox (tenant_id) select id from reached where $4";

/// Whether gateways are told of a new version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tell {
    Gateways,
    /// The tenant is not in service yet.
    Nobody,
}

/// Where a transaction stands: as whom, in which schema.
pub(crate) struct Place {
    role: String,
    schema: String,
}

impl Place {
    /// Where a transaction stands that entered a tenant.
    pub(crate) fn of_tenant(database: &str, tenant: TenantId) -> Self {
        Self {
            role: RoleNames::of(database, tenant).owner,
            schema: SchemaName::of(tenant).as_str().to_owned(),
        }
    }

    /// Looks where a transaction stands.
    pub(crate) async fn of(tx: &PublicTx) -> Result<Self, Error> {
        let row = tx.query_one(PLACE, params![]).await?;
        Ok(Self {
            role: column(&row, "role")?,
            schema: column::<Option<String>>(&row, "schema")?.unwrap_or_default(),
        })
    }
}

/// Runs a file and records it, in the caller's transaction.
pub(crate) async fn apply(
    tx: &PublicTx,
    migration: &Migration,
    place: &Place,
    run: Option<Uuid>,
) -> Result<(), Error> {
    let started = Instant::now();
    run_file(tx, migration, &migration.sql, &migration.header).await?;
    let ms = i32::try_from(started.elapsed().as_millis()).unwrap_or(i32::MAX);
    record(tx, migration, place, (ms, run)).await
}

/// Runs the file that undoes a migration and forgets it, in the caller's
/// transaction.
pub(crate) async fn undo(tx: &PublicTx, migration: &Migration, place: &Place) -> Result<(), Error> {
    let down = migration.down.as_ref();
    let down = down.ok_or(Error::NoWayBack(migration.version))?;
    run_file(tx, migration, &down.sql, &down.header).await?;
    let values = params![migration.version, place.role, place.schema];
    recorded(migration, tx.execute(FORGET, values).await?)
}

/// Records a file as applied, with the milliseconds it took and its run.
pub(crate) async fn record(
    tx: &PublicTx,
    migration: &Migration,
    place: &Place,
    (ms, run): (i32, Option<Uuid>),
) -> Result<(), Error> {
    let values = params![
        migration.version,
        migration.name,
        migration.checksum,
        ms,
        APP_VERSION,
        run,
        place.role,
        place.schema
    ];
    recorded(migration, tx.execute(RECORD, values).await?)
}

fn recorded(migration: &Migration, rows: u64) -> Result<(), Error> {
    if rows == 1 {
        Ok(())
    } else {
        Err(Error::Strayed(migration.version))
    }
}

async fn run_file(
    tx: &PublicTx,
    migration: &Migration,
    sql: &str,
    header: &Header,
) -> Result<(), Error> {
    let (statement, lock) = (header.timeout.as_millis(), header.lock_timeout.as_millis());
    // Sent with the file: a round trip less for each of thousands of tenants.
    let text = format!(
        "set local statement_timeout = {statement};\nset local lock_timeout = {lock};\n{sql}"
    );
    script(tx, &text).await.map_err(|error| match error {
        Error::Database(source) => Error::Failed {
            version: migration.version,
            name: migration.name.clone(),
            source,
        },
        other => other,
    })
}

/// Records which version a tenant has: in its row, and in its schema, where the
/// transaction then stands. In this order, as changes of a tenant's state do.
pub(crate) async fn settle(
    tx: &PublicTx,
    set: &Set,
    tenant: TenantId,
    version: i64,
) -> Result<(), Error> {
    tx.leave_tenant().await?;
    reach(tx, set, tenant, version, Tell::Gateways).await?;
    tx.enter_tenant(tenant).await?;
    tx.execute(SET_FENCE, params![version, set.needs(version)])
        .await?;
    Ok(())
}

/// Writes into the tenant's row that its schema has the files up to a version,
/// in the transaction that made it so.
pub(crate) async fn reach(
    tx: &PublicTx,
    set: &Set,
    tenant: TenantId,
    version: i64,
    tell: Tell,
) -> Result<(), Error> {
    let (id, fingerprint) = (tenant.as_uuid(), set.fingerprint(version));
    let is_told = tell == Tell::Gateways;
    tx.execute(REACH, params![id, version, fingerprint, is_told])
        .await?;
    Ok(())
}
