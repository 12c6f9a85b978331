//! What was applied to one schema, and the record of it.

use std::time::Instant;

use resido_proto::ids::TenantId;
use resido_tenancy::db::{PublicTx, params};

use crate::{
    Error, Migration, Set,
    statement::{column, script},
};

/// Version of this program, kept with each migration it applies.
const APP_VERSION: &str = env!("CARGO_PKG_VERSION");

/// The table that holds the history; the same in every schema.
pub(crate) const TABLE: &str = "
    create table if not exists _migrations (
        version     bigint primary key,
        name        text not null,
        checksum    bytea not null,
        applied_at  timestamptz not null default now(),
        ms          integer not null,
        run_id      uuid,
        app_version text not null
    );";
const HISTORY: &str = "select version, checksum from _migrations order by version";
const RECORD: &str = "insert into _migrations (version, name, checksum, ms, app_version)
    values ($1, $2, $3, $4, $5)";
const REACH: &str = "update tenants set schema_version = $2, fingerprint = $3
    where id = $1 and (schema_version <> $2 or fingerprint <> $3)";

/// Compares the history with the files and returns those that are missing.
///
/// # Errors
/// [`Error::Changed`] if a file differs from what was applied; [`Error::Ahead`]
/// if the history goes beyond the files.
pub(crate) async fn pending<'a>(tx: &PublicTx, set: &'a Set) -> Result<Vec<&'a Migration>, Error> {
    let history = tx.query(HISTORY, params![]).await?;
    let mut known = 0;
    for row in &history {
        known = column::<i64>(row, "version")?;
        let checksum: &[u8] = column(row, "checksum")?;
        match set
            .migrations
            .iter()
            .find(|migration| migration.version == known)
        {
            Some(migration) if migration.checksum != checksum => {
                return Err(Error::Changed {
                    set: set.name.as_str(),
                    version: known,
                });
            }
            Some(_) => {}
            None => {
                return Err(Error::Ahead {
                    set: set.name.as_str(),
                    version: known,
                });
            }
        }
    }
    Ok(set
        .migrations
        .iter()
        .filter(|migration| migration.version > known)
        .collect())
}

/// Runs a file and records it, in the caller's transaction.
pub(crate) async fn apply(tx: &PublicTx, migration: &Migration) -> Result<(), Error> {
    let started = Instant::now();
    script(tx, &migration.sql)
        .await
        .map_err(|error| match error {
            Error::Database(source) => Error::Failed {
                version: migration.version,
                name: migration.name.clone(),
                source,
            },
            other => other,
        })?;
    let ms = i32::try_from(started.elapsed().as_millis()).unwrap_or(i32::MAX);
    let values = params![
        migration.version,
        migration.name,
        migration.checksum,
        ms,
        APP_VERSION
    ];
    tx.execute(RECORD, values).await?;
    Ok(())
}

/// Writes into the tenant's row that its schema has the files up to a version,
/// in the transaction that made it so, and returns whether that was news.
pub(crate) async fn reach(
    tx: &PublicTx,
    set: &Set,
    tenant: TenantId,
    version: i64,
) -> Result<bool, Error> {
    let (id, fingerprint) = (tenant.as_uuid(), set.fingerprint(version));
    let values = params![id, version, fingerprint];
    Ok(tx.execute(REACH, values).await? > 0)
}
