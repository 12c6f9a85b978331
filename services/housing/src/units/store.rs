//! Units in the tenant's schema.

use resido_proto::page::PageRequest;
use resido_tenancy::db::{self, Row, TenantTx, params};

use super::model::{Fields, NewUnit, Unit, UnitId};
use crate::{Error, properties::model::PropertyId};

const INSERT: &str = "
    insert into units (property_id, id, display_name, floor, area_sqm)
    values ($1, $2, $3, $4, $5)
    returning property_id, id, display_name, floor, area_sqm, create_time, update_time, revision";
const GET: &str = "
    select property_id, id, display_name, floor, area_sqm, create_time, update_time, revision
      from units
     where property_id = $1 and id = $2";
const LOCK: &str = "
    select property_id, id, display_name, floor, area_sqm, create_time, update_time, revision
      from units
     where property_id = $1 and id = $2
       for no key update";
const LIST: &str = "
    select property_id, id, display_name, floor, area_sqm, create_time, update_time, revision
      from units
     where property_id = $1 and ($2::timestamptz is null or (create_time, id) > ($2, $3))
     order by create_time, id
     limit $4";
const UPDATE: &str = "
    update units
       set display_name = $3, floor = $4, area_sqm = $5,
           update_time = now(), revision = revision + 1
     where property_id = $1 and id = $2
    returning property_id, id, display_name, floor, area_sqm, create_time, update_time, revision";
const DELETE: &str = "delete from units where property_id = $1 and id = $2";

pub(super) async fn insert(tx: &TenantTx, new: &NewUnit) -> Result<Unit, Error> {
    let NewUnit { id, fields } = new;
    let params = params![
        id.property.0,
        id.id,
        fields.display_name,
        fields.floor,
        fields.area_sqm
    ];
    read(&tx.query_one(INSERT, params).await.map_err(violated)?)
}

pub(super) async fn get(tx: &TenantTx, id: UnitId) -> Result<Unit, Error> {
    found(
        tx.query_opt(GET, params![id.property.0, id.id])
            .await?
            .as_ref(),
    )
}

/// Reads a unit and keeps others from changing it until the transaction ends.
pub(super) async fn lock(tx: &TenantTx, id: UnitId) -> Result<Unit, Error> {
    found(
        tx.query_opt(LOCK, params![id.property.0, id.id])
            .await?
            .as_ref(),
    )
}

/// Reads a page of a property's units in order of creation, and one row more.
pub(super) async fn list(
    tx: &TenantTx,
    property: PropertyId,
    page: &PageRequest,
) -> Result<Vec<Unit>, Error> {
    let created = page.after.map(|cursor| cursor.created());
    let id = page.after.map(|cursor| cursor.id);
    let rows = tx
        .query(LIST, params![property.0, created, id, page.limit()])
        .await?;
    rows.iter().map(read).collect()
}

pub(super) async fn update(tx: &TenantTx, id: UnitId, fields: &Fields) -> Result<Unit, Error> {
    let params = params![
        id.property.0,
        id.id,
        fields.display_name,
        fields.floor,
        fields.area_sqm
    ];
    found(
        tx.query_opt(UPDATE, params)
            .await
            .map_err(violated)?
            .as_ref(),
    )
}

pub(super) async fn delete(tx: &TenantTx, id: UnitId) -> Result<(), Error> {
    tx.execute(DELETE, params![id.property.0, id.id]).await?;
    Ok(())
}

fn found(row: Option<&Row>) -> Result<Unit, Error> {
    read(row.ok_or(Error::NotFound("unit"))?)
}

fn read(row: &Row) -> Result<Unit, Error> {
    let property = PropertyId(row.try_get("property_id").map_err(db::Error::from)?);
    Ok(Unit {
        id: UnitId {
            property,
            id: row.try_get("id").map_err(db::Error::from)?,
        },
        fields: Fields {
            display_name: row.try_get("display_name").map_err(db::Error::from)?,
            floor: row.try_get("floor").map_err(db::Error::from)?,
            area_sqm: row.try_get("area_sqm").map_err(db::Error::from)?,
        },
        created: row.try_get("create_time").map_err(db::Error::from)?,
        updated: row.try_get("update_time").map_err(db::Error::from)?,
        revision: row.try_get("revision").map_err(db::Error::from)?,
    })
}

fn violated(error: db::Error) -> Error {
    match error.constraint() {
        Some("units_property_fk") => Error::NotFound("property"),
        Some("units_pkey") => Error::Exists {
            resource: "a unit",
            field: "id",
        },
        Some("units_display_name_key") => Error::Exists {
            resource: "a unit of this property",
            field: "display name",
        },
        _ => error.into(),
    }
}
