//! What is to be exported, in the control plane's tables and the catalogs.

use resido_proto::ids::TenantId;
use resido_tenancy::db::{PublicTx, Row, params};

use super::model::{Exported, Table};
use crate::{Error, row::column};

const TENANT: &str = "
    select slug, state, lock_no, schema_version, fingerprint from tenants where id = $1";
// What a value looks like must not depend on the server's settings.
const FORMATS: &str = "
    select set_config('timezone', 'UTC', true),
           set_config('datestyle', 'ISO, YMD', true),
           set_config('intervalstyle', 'iso_8601', true),
           set_config('bytea_output', 'hex', true),
           set_config('extra_float_digits', '1', true)";
const MOMENT: &str = "
    select extract(epoch from now())::int8 as seconds,
           to_char(now() at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') as text";
const TABLES: &str = "
    select c.relname::text as name,
           array(select a.attname::text from pg_attribute a
                  where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
                    and a.attgenerated = ''
                  order by a.attnum) as columns,
           array(select distinct r.relname::text
                   from pg_constraint f join pg_class r on r.oid = f.confrelid
                  where f.conrelid = c.oid and f.contype = 'f') as needs
      from pg_class c
     where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r'
     order by c.relname";

/// Reads a tenant.
///
/// # Errors
/// If there is none; if the database fails.
pub(super) async fn tenant(tx: &PublicTx, id: TenantId) -> Result<Exported, Error> {
    let row = tx.query_opt(TENANT, params![id.as_uuid()]).await?;
    let row = row.ok_or(Error::NotFound("tenant"))?;
    let state: &str = column(&row, "state")?;
    Ok(Exported {
        id,
        slug: column(&row, "slug")?,
        state: state
            .parse()
            .map_err(|_| Error::Fault("a stored state is unknown"))?,
        lock_no: column(&row, "lock_no")?,
        schema_version: column(&row, "schema_version")?,
        fingerprint: column(&row, "fingerprint")?,
    })
}

/// Returns the moment that a snapshot is of: in seconds, and as RFC 3339.
///
/// # Errors
/// If the database fails.
pub(super) async fn moment(tx: &PublicTx) -> Result<(u64, String), Error> {
    tx.query_one(FORMATS, params![]).await?;
    let row = tx.query_one(MOMENT, params![]).await?;
    let seconds: i64 = column(&row, "seconds")?;
    Ok((seconds.unsigned_abs(), column(&row, "text")?))
}

/// Reads the tables of the tenant that the transaction has entered.
///
/// # Errors
/// If the database fails.
pub(super) async fn tables(tx: &PublicTx) -> Result<Vec<Table>, Error> {
    let rows = tx.query(TABLES, params![]).await?;
    rows.iter().map(table).collect()
}

fn table(row: &Row) -> Result<Table, Error> {
    let needs: Vec<String> = column(row, "needs")?;
    Ok(Table {
        name: column(row, "name")?,
        columns: column(row, "columns")?,
        needs: needs.into_iter().collect(),
    })
}
