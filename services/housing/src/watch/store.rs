//! The events of work orders, as streams read them.

use std::time::SystemTime;

use resido_tenancy::db::{self, Row, TenantTx, params};

use crate::{
    Error,
    work_orders::{
        model::{WorkOrder, WorkOrderId},
        store,
    },
};

const NEWEST: &str = "select coalesce(max(id), 0) as event from work_order_events";
/// What comes behind a place: the last event of each work order in a bounded part
/// of the events, and the work order, unless it is deleted.
const NEWS: &str = "
    with part as (select id, work_order_id, at
                    from work_order_events
                   where id > $1
                   order by id
                   limit 200),
         last as (select max(id) as event, max(at) as at, work_order_id
                    from part
                   group by work_order_id)
    select last.event, last.at, last.work_order_id, w.id is not null as there,
           w.id, u.property_id, w.unit_id, w.title, w.description, w.priority, w.state,
           w.scheduled_time, w.create_time, w.update_time, w.revision
      from last
      left join (work_orders w join units u on u.id = w.unit_id) on w.id = last.work_order_id
     order by last.event";

/// A work order that changed.
#[derive(Debug)]
pub(super) struct News {
    pub(super) event: i64,
    pub(super) at: SystemTime,
    pub(super) id: WorkOrderId,
    /// None if it was deleted.
    pub(super) work_order: Option<WorkOrder>,
}

/// Returns the number of the last event; 0 if there is none.
pub(super) async fn newest(tx: &TenantTx) -> Result<i64, Error> {
    let row = tx.query_one(NEWEST, params![]).await?;
    Ok(row.try_get("event").map_err(db::Error::from)?)
}

/// Returns a part of what comes behind an event, in order; nothing if nothing
/// does.
pub(super) async fn news(tx: &TenantTx, after: i64) -> Result<Vec<News>, Error> {
    let rows = tx.query(NEWS, params![after]).await?;
    rows.iter().map(read).collect()
}

fn read(row: &Row) -> Result<News, Error> {
    let there: bool = row.try_get("there").map_err(db::Error::from)?;
    Ok(News {
        event: row.try_get("event").map_err(db::Error::from)?,
        at: row.try_get("at").map_err(db::Error::from)?,
        id: WorkOrderId(row.try_get("work_order_id").map_err(db::Error::from)?),
        work_order: there.then(|| store::read(row)).transpose()?,
    })
}
