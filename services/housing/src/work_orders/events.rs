//! What streams of work orders read: which ones changed, in order.
//!
//! A change notes its event last, in its own transaction. The lock keeps the
//! order: numbers are drawn when a row is written, and rows are seen when its
//! transaction ends, so that without it a reader could pass a number by before
//! its row appears. It is the tenant's own, for its second key is the number of
//! the tenant's table; its first follows that of the control plane's outbox,
//! `0x52657303`.

use resido_tenancy::db::{TenantTx, params};

use super::model::WorkOrderId;
use crate::Error;

/// Held until the transaction ends.
const LOCK: &str =
    "select pg_advisory_xact_lock(1382380292, 'work_order_events'::regclass::oid::integer)";
const INSERT: &str = "insert into work_order_events (work_order_id) values ($1)";
/// A bounded part of what is too old. Streams go on from tokens of a day; the
/// hour more is for clocks that differ.
const PRUNE: &str = "
    delete from work_order_events
     where id in (select id
                    from work_order_events
                   where at < now() - interval '25 hours'
                   order by at
                   limit 100
                     for update skip locked)";

/// Notes that a work order was made, changed or deleted.
pub(super) async fn note(tx: &TenantTx, id: WorkOrderId) -> Result<(), Error> {
    tx.execute(PRUNE, params![]).await?;
    tx.execute(LOCK, params![]).await?;
    tx.execute(INSERT, params![id.0]).await?;
    Ok(())
}
