//! Measures in the control plane's tables and the database's catalogs.

use resido_proto::ids::TenantId;
use resido_tenancy::db::{PublicTx, Row, params};

use super::model::{Table, Usage};
use crate::{Error, row::column};

const COUNTS: &str = "
    select t.schema_name, now() as measured,
           (select count(*) from memberships m
             where m.tenant_id = t.id and m.state = 'active') as members,
           (select count(*) from api_keys k
             where k.tenant_id = t.id and k.revoke_time is null
               and (k.expire_time is null or k.expire_time > now())) as api_keys
      from tenants t
     where t.id = $1 and t.state <> 'purged'";
// The size of a table that is dropped meanwhile is null.
const TABLES: &str = "
    select c.relname::text as name, c.reltuples::int8 as rows,
           coalesce(pg_total_relation_size(c.oid), 0) as bytes
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = $1 and c.relkind in ('r', 'p', 'm')
     order by c.relname";

/// Measures a tenant.
///
/// # Errors
/// If there is no such tenant, or no more; if the database fails.
pub(super) async fn measure(tx: &PublicTx, tenant: TenantId) -> Result<Usage, Error> {
    let counts = tx.query_opt(COUNTS, params![tenant.as_uuid()]).await?;
    let counts = counts.ok_or(Error::NotFound("tenant"))?;
    let schema: &str = column(&counts, "schema_name")?;
    let tables = tx.query(TABLES, params![schema]).await?;
    Ok(Usage {
        tenant,
        measured: column(&counts, "measured")?,
        members: column(&counts, "members")?,
        api_keys: column(&counts, "api_keys")?,
        tables: tables.iter().map(table).collect::<Result<_, _>>()?,
    })
}

fn table(row: &Row) -> Result<Table, Error> {
    Ok(Table {
        name: column(row, "name")?,
        rows: column(row, "rows")?,
        bytes: column(row, "bytes")?,
    })
}
