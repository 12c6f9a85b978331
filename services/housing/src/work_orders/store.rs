//! Work orders in the tenant's schema. Whatever changes one notes an event.

use std::time::SystemTime;

use resido_proto::filter::Kind;
use resido_tenancy::db::{self, ListRequest, Listing, Row, TenantTx, params};
use uuid::Uuid;

use super::{
    events,
    model::{Fields, NewWorkOrder, State, WorkOrder, WorkOrderId},
};
use crate::{
    Error,
    column::{column, condition},
    properties::model::PropertyId,
    units::model::UnitId,
};

const INSERT: &str = "
    insert into work_orders (id, unit_id, title, description, priority)
    select $1, u.id, $4, $5, $6
      from units u
     where u.property_id = $2 and u.id = $3";
const GET: &str = "
    select w.id, u.property_id, w.unit_id, w.title, w.description, w.priority, w.state,
           w.scheduled_time, w.create_time, w.update_time, w.revision
      from work_orders w
      join units u on u.id = w.unit_id
     where w.id = $1";
const LOCK: &str = "
    select w.id, u.property_id, w.unit_id, w.title, w.description, w.priority, w.state,
           w.scheduled_time, w.create_time, w.update_time, w.revision
      from work_orders w
      join units u on u.id = w.unit_id
     where w.id = $1
       for no key update of w";
const UPDATE: &str = "
    update work_orders
       set title = $2, description = $3, priority = $4,
           update_time = now(), revision = revision + 1
     where id = $1";
const ADVANCE: &str = "
    update work_orders
       set state = $2, scheduled_time = $3, update_time = now(), revision = revision + 1
     where id = $1";
const DELETE: &str = "delete from work_orders where id = $1";

/// Names of priorities in filters, and the numbers that are stored, as text.
const PRIORITIES: &[(&str, &str)] = &[
    ("LOW", "1"),
    ("NORMAL", "2"),
    ("HIGH", "3"),
    ("URGENT", "4"),
];

/// The list of work orders. One without a time comes after all others.
pub(super) const LISTING: Listing = Listing {
    select: "w.id, u.property_id, w.unit_id, w.title, w.description, w.priority, w.state,
             w.scheduled_time, w.create_time, w.update_time, w.revision",
    from: "work_orders w join units u on u.id = w.unit_id",
    scope: "true",
    columns: &[
        condition("unit", "w.unit_id", Kind::Id(unit)),
        column("title", "w.title", Kind::Text),
        column("priority", "w.priority::text", Kind::Word(PRIORITIES)),
        column("state", "w.state", Kind::Word(State::WORDS)),
        column(
            "scheduled_time",
            "coalesce(w.scheduled_time, 'infinity')",
            Kind::Time,
        ),
        column("create_time", "w.create_time", Kind::Time),
        column("update_time", "w.update_time", Kind::Time),
    ],
    id: "w.id",
    order: "create_time",
};

fn unit(name: &str) -> Option<Uuid> {
    UnitId::parse("filter", name).ok().map(|unit| unit.id)
}

pub(super) async fn insert(tx: &TenantTx, new: &NewWorkOrder) -> Result<WorkOrder, Error> {
    let (unit, fields) = (new.unit, &new.fields);
    let params = params![
        new.id.0,
        unit.property.0,
        unit.id,
        fields.title,
        fields.description,
        fields.priority
    ];
    if tx.execute(INSERT, params).await.map_err(violated)? == 0 {
        return Err(Error::NotFound("unit"));
    }
    changed(tx, new.id).await
}

pub(super) async fn get(tx: &TenantTx, id: WorkOrderId) -> Result<WorkOrder, Error> {
    found(tx.query_opt(GET, params![id.0]).await?.as_ref())
}

/// Reads a work order and keeps others from changing it until the transaction
/// ends.
pub(super) async fn lock(tx: &TenantTx, id: WorkOrderId) -> Result<WorkOrder, Error> {
    found(tx.query_opt(LOCK, params![id.0]).await?.as_ref())
}

/// Reads a page of work orders, and the token of the next one.
pub(super) async fn list(
    tx: &TenantTx,
    asked: &ListRequest,
) -> Result<(Vec<WorkOrder>, String), Error> {
    let page = tx.list(&LISTING, params![], asked).await?;
    let work_orders = page.rows.iter().map(read).collect::<Result<_, _>>()?;
    Ok((work_orders, page.next_page_token))
}

pub(super) async fn update(
    tx: &TenantTx,
    id: WorkOrderId,
    fields: &Fields,
) -> Result<WorkOrder, Error> {
    let params = params![id.0, fields.title, fields.description, fields.priority];
    tx.execute(UPDATE, params).await?;
    changed(tx, id).await
}

/// Sets how far a work order is, and its time.
pub(super) async fn advance(
    tx: &TenantTx,
    id: WorkOrderId,
    state: State,
    scheduled: Option<SystemTime>,
) -> Result<WorkOrder, Error> {
    tx.execute(ADVANCE, params![id.0, state.as_str(), scheduled])
        .await?;
    changed(tx, id).await
}

pub(super) async fn delete(tx: &TenantTx, id: WorkOrderId) -> Result<(), Error> {
    tx.execute(DELETE, params![id.0]).await?;
    events::note(tx, id).await
}

/// Reads a work order that was made or changed, and notes that it was.
async fn changed(tx: &TenantTx, id: WorkOrderId) -> Result<WorkOrder, Error> {
    let work_order = get(tx, id).await?;
    events::note(tx, id).await?;
    Ok(work_order)
}

fn found(row: Option<&Row>) -> Result<WorkOrder, Error> {
    read(row.ok_or(Error::NotFound("work order"))?)
}

/// Reads a row with the columns that all statements here return.
pub(crate) fn read(row: &Row) -> Result<WorkOrder, Error> {
    let id = |column: &str| row.try_get::<_, Uuid>(column).map_err(db::Error::from);
    let state: &str = row.try_get("state").map_err(db::Error::from)?;
    Ok(WorkOrder {
        id: WorkOrderId(id("id")?),
        unit: UnitId {
            property: PropertyId(id("property_id")?),
            id: id("unit_id")?,
        },
        fields: Fields {
            title: row.try_get("title").map_err(db::Error::from)?,
            description: row.try_get("description").map_err(db::Error::from)?,
            priority: row.try_get("priority").map_err(db::Error::from)?,
        },
        // The table has a check on it.
        state: State::stored(state).ok_or(db::Error::CheckFailed)?,
        scheduled: row.try_get("scheduled_time").map_err(db::Error::from)?,
        created: row.try_get("create_time").map_err(db::Error::from)?,
        updated: row.try_get("update_time").map_err(db::Error::from)?,
        revision: row.try_get("revision").map_err(db::Error::from)?,
    })
}

fn violated(error: db::Error) -> Error {
    match error.constraint() {
        Some("work_orders_unit_fk") => Error::NotFound("unit"),
        Some("work_orders_pkey") => Error::Exists {
            resource: "a work order",
            field: "id",
        },
        _ => error.into(),
    }
}
