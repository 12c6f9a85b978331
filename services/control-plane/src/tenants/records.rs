//! Operations and what came of them, in the control plane's tables.

use std::collections::HashMap;

use resido_proto::{
    filter::Kind as Field,
    google::longrunning as lro,
    ids::{OperationId, TenantId},
    tenancy::v1 as proto,
};
use resido_tenancy::db::{Column, ListRequest, Listing, PublicTx, Row, params};
use uuid::Uuid;

use super::{
    model::OperationKind,
    outcome::{CANCELLED, Outcome, Record},
    purge_store, store,
};
use crate::{Error, row::column};

/// Rows that one turn forgets at most.
const BATCH: i64 = 500;

/// Operations, latest first.
pub(crate) const LISTING: Listing = Listing {
    select: "id, kind, tenant_id, attempt, done, error, create_time",
    from: "operations",
    scope: "true",
    columns: &[
        Column {
            field: "done",
            sql: "done",
            kind: Field::Flag,
            sort: false,
        },
        Column {
            field: "kind",
            sql: "kind",
            kind: Field::Text,
            sort: false,
        },
        Column {
            field: "create_time",
            sql: "create_time",
            kind: Field::Time,
            sort: true,
        },
    ],
    id: "id",
    order: "create_time desc",
};
const GET: &str = "
    select id, kind, tenant_id, attempt, done, error, create_time
      from operations where id = $1";
// Not begun, between attempts, or left by a process that died.
const CANCEL: &str = "
    update operations
       set done = true, lease_until = null, end_time = now(), error = $2
     where id = $1 and not done and (begin_time is null or lease_until < now())
    returning id, kind, tenant_id, actor, request_hash, attempt";
const DELETE: &str = "delete from operations where id = $1 and done";
const FORGET_KEYS: &str = "
    update operations set idempotency_key = null, request_hash = null
     where id in (select id from operations
                   where done and idempotency_key is not null
                     and end_time < now() - interval '1 day'
                   order by end_time limit $1)";
const FORGET: &str = "
    delete from operations
     where id in (select id from operations
                   where done and end_time < now() - interval '90 days'
                   order by end_time limit $1)";

/// Reads one operation with what came of it.
pub(crate) async fn get(tx: &PublicTx, id: OperationId) -> Result<lro::Operation, Error> {
    let row = tx.query_opt(GET, params![id.as_uuid()]).await?;
    let record = read(&row.ok_or(Error::NotFound("operation"))?)?;
    let shown = show(tx, vec![record]).await?.pop();
    shown.ok_or(Error::NotFound("operation"))
}

/// Reads a page of operations, and the token of the next one.
pub(crate) async fn list(
    tx: &PublicTx,
    request: &ListRequest,
) -> Result<(Vec<lro::Operation>, String), Error> {
    let page = tx.list(&LISTING, params![], request).await?;
    let records = page.rows.iter().map(read).collect::<Result<_, _>>()?;
    Ok((show(tx, records).await?, page.next_page_token))
}

/// Ends an operation that is not at work; false if it is, or has ended.
pub(super) async fn cancel(
    tx: &PublicTx,
    id: OperationId,
) -> Result<Option<super::model::Operation>, Error> {
    let row = tx
        .query_opt(CANCEL, params![id.as_uuid(), CANCELLED])
        .await?;
    row.as_ref().map(super::operations::read).transpose()
}

/// Deletes the record of an operation that has ended; false if there is none.
pub(crate) async fn delete(tx: &PublicTx, id: OperationId) -> Result<bool, Error> {
    Ok(tx.execute(DELETE, params![id.as_uuid()]).await? == 1)
}

/// Forgets the keys of operations that ended a day ago, and those that ended 90
/// days ago; some at a time. Returns how many.
pub(super) async fn forget(tx: &PublicTx) -> Result<u64, Error> {
    let keys = tx.execute(FORGET_KEYS, params![BATCH]).await?;
    Ok(keys + tx.execute(FORGET, params![BATCH]).await?)
}

/// Adds to each operation what came of it.
async fn show(tx: &PublicTx, records: Vec<Record>) -> Result<Vec<lro::Operation>, Error> {
    let ids: Vec<_> = records
        .iter()
        .map(|record| record.tenant.as_uuid())
        .collect();
    let proofs: HashMap<_, _> = purge_store::proofs(tx, ids.clone())
        .await?
        .into_iter()
        .collect();
    let tenants: HashMap<_, _> = store::by_ids(tx, ids)
        .await?
        .into_iter()
        .map(|tenant| (tenant.id, proto::Tenant::from(tenant)))
        .collect();
    let shown = records.into_iter().map(|record| {
        let tenant = tenants.get(&record.tenant);
        let outcome = Outcome {
            tenant: tenant.cloned().unwrap_or_default(),
            proof: proofs.get(&record.tenant).copied(),
        };
        record.into_proto(outcome)
    });
    Ok(shown.collect())
}

fn read(row: &Row) -> Result<Record, Error> {
    Ok(Record {
        id: OperationId::from_uuid(column::<Uuid>(row, "id")?),
        kind: OperationKind::named(column(row, "kind")?)
            .ok_or(Error::Fault("a stored kind is unknown"))?,
        tenant: TenantId::from_uuid(column::<Uuid>(row, "tenant_id")?),
        attempt: column(row, "attempt")?,
        done: column(row, "done")?,
        error: column(row, "error")?,
        created: column(row, "create_time")?,
    })
}
