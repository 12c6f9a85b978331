//! What a purge reads and writes in the control plane's tables.

use std::time::SystemTime;

use resido_migrations::Traces;
use resido_proto::{ids::TenantId, tenancy::v1 as proto};
use resido_tenancy::{
    db::{PublicTx, Row, params},
    tenant::State,
};
use uuid::Uuid;

use super::model::{Operation, Tenant};
use crate::{Error, row::column};

// Tenants purge within the grace of a lock wait, and others wait behind a DROP.
const LOCK_TIMEOUT: &str = "select set_config('lock_timeout', '5s', true)";
const MARK: &str = "
    update tenants
       set state = $3, epoch = epoch + 1, revision = revision + 1, update_time = now()
     where id = $1 and epoch = $2";
const DELETE_ROWS: &str = "select memberships_gone, accounts_gone from delete_rows_of($1)";
const BURY: &str = "
    update tenants
       set state = 'purged', epoch = epoch + 1, revision = revision + 1, update_time = now(),
           display_name = '', contact_email = '', contact_phone = '', settings = '{}',
           purge_proof = jsonb_build_object('purge_time', now(), 'tables', $3::int4,
                                            'memberships', $4::int8, 'accounts', $5::int8)
     where id = $1 and epoch = $2";
const PROVE: &str = "
    update tenants
       set purge_proof = purge_proof || jsonb_build_object('schema_gone', $2::bool,
                                                           'roles_gone', $3::bool)
     where id = $1 and state = 'purged'";
// Without both looks there is no proof.
const PROOFS: &str = "
    select id, (purge_proof->>'purge_time')::timestamptz as purge_time,
           (purge_proof->>'schema_gone')::bool as schema_gone,
           (purge_proof->>'roles_gone')::bool as roles_gone,
           (purge_proof->>'tables')::int4 as tables,
           (purge_proof->>'memberships')::int8 as memberships,
           (purge_proof->>'accounts')::int8 as accounts
      from tenants
     where id = any($1) and purge_proof ? 'schema_gone'";
const FROM: &str = "select from_state from operations where id = $1";
// One that was refused rests for an hour.
const DUE: &str = "
    select id from tenants t
     where state = 'deleting' and purge_time <= now()
       and not exists (select from operations o
                        where o.tenant_id = t.id and o.kind = 'purge' and o.done
                          and o.end_time > now() - interval '1 hour')
     order by purge_time
     limit $1";

/// What was removed outside the schema.
pub(super) struct Deleted {
    pub(super) memberships: i64,
    pub(super) accounts: i64,
}

/// Lets the transaction's statements wait five seconds for a lock.
pub(super) async fn bound_lock_waits(tx: &PublicTx) -> Result<(), Error> {
    tx.query_one(LOCK_TIMEOUT, params![]).await?;
    Ok(())
}

/// Sets the state of a tenant that was seen, and returns it as it is now.
pub(super) async fn mark(tx: &PublicTx, seen: &Tenant, to: State) -> Result<Tenant, Error> {
    let id = seen.id.as_uuid();
    let marked = tx
        .execute(MARK, params![id, seen.epoch, to.as_str()])
        .await?;
    if marked == 0 {
        return Err(Error::TenantChanged);
    }
    super::store::get(tx, seen.id).await
}

/// Deletes what is kept of a tenant outside its schema.
pub(super) async fn delete_rows(tx: &PublicTx, tenant: TenantId) -> Result<Deleted, Error> {
    let row = tx.query_one(DELETE_ROWS, params![tenant.as_uuid()]).await?;
    Ok(Deleted {
        memberships: column(&row, "memberships_gone")?,
        accounts: column(&row, "accounts_gone")?,
    })
}

/// Leaves a record without content, and returns it.
pub(super) async fn bury(
    tx: &PublicTx,
    seen: &Tenant,
    tables: i32,
    deleted: &Deleted,
) -> Result<Tenant, Error> {
    let (id, epoch) = (seen.id.as_uuid(), seen.epoch);
    let values = params![id, epoch, tables, deleted.memberships, deleted.accounts];
    if tx.execute(BURY, values).await? == 0 {
        return Err(Error::TenantChanged);
    }
    super::store::get(tx, seen.id).await
}

/// Writes what was seen after the purge.
pub(super) async fn prove(tx: &PublicTx, tenant: TenantId, seen: Traces) -> Result<(), Error> {
    let roles_gone = !seen.owner && !seen.runtime;
    tx.execute(PROVE, params![tenant.as_uuid(), !seen.schema, roles_gone])
        .await?;
    Ok(())
}

/// Reads the proofs of tenants, of those that have one.
pub(crate) async fn proofs(
    tx: &PublicTx,
    tenants: Vec<Uuid>,
) -> Result<Vec<(TenantId, proto::PurgeProof)>, Error> {
    let rows = tx.query(PROOFS, params![tenants]).await?;
    rows.iter().map(proof).collect()
}

/// Reads where a tenant goes back to if its purge is refused.
pub(super) async fn from_state(tx: &PublicTx, operation: &Operation) -> Result<State, Error> {
    let row = tx.query_one(FROM, params![operation.id.as_uuid()]).await?;
    let from: Option<&str> = column(&row, "from_state")?;
    from.and_then(|from| from.parse().ok())
        .ok_or(Error::Fault("a purge does not know its start"))
}

/// Reads the tenants whose time to be restored is over, longest first.
pub(super) async fn due(tx: &PublicTx, limit: i64) -> Result<Vec<TenantId>, Error> {
    let rows = tx.query(DUE, params![limit]).await?;
    rows.iter()
        .map(|row| Ok(TenantId::from_uuid(column::<Uuid>(row, "id")?)))
        .collect()
}

fn proof(row: &Row) -> Result<(TenantId, proto::PurgeProof), Error> {
    let time: SystemTime = column(row, "purge_time")?;
    let proof = proto::PurgeProof {
        purge_time: Some(time.into()),
        schema_gone: column(row, "schema_gone")?,
        roles_gone: column(row, "roles_gone")?,
        tables: column(row, "tables")?,
        memberships: column(row, "memberships")?,
        accounts: column(row, "accounts")?,
    };
    Ok((TenantId::from_uuid(column::<Uuid>(row, "id")?), proof))
}
