//! Units in the tenant's schema.

use resido_proto::filter::Kind;
use resido_tenancy::db::{self, ListRequest, Listing, Row, TenantTx, params};

use super::model::{Fields, NewUnit, Unit, UnitId};
use crate::{Error, column::column, properties::model::PropertyId};

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
const UPDATE: &str = "
    update units
       set display_name = $3, floor = $4, area_sqm = $5,
           update_time = now(), revision = revision + 1
     where property_id = $1 and id = $2
    returning property_id, id, display_name, floor, area_sqm, create_time, update_time, revision";
const DELETE: &str = "delete from units where property_id = $1 and id = $2";

/// The list of a property's units.
pub(super) const LISTING: Listing = Listing {
    select: "property_id, id, display_name, floor, area_sqm, create_time, update_time, revision",
    from: "units",
    scope: "property_id = $1",
    columns: &[
        column("display_name", "display_name", Kind::Text),
        column("floor", "floor", Kind::Integer),
        column("area_sqm", "area_sqm", Kind::Number),
        column("create_time", "create_time", Kind::Time),
        column("update_time", "update_time", Kind::Time),
    ],
    id: "id",
    order: "create_time",
};

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

/// Reads a page of a property's units, and the token of the next one.
pub(super) async fn list(
    tx: &TenantTx,
    property: PropertyId,
    asked: &ListRequest,
) -> Result<(Vec<Unit>, String), Error> {
    let page = tx.list(&LISTING, params![property.0], asked).await?;
    let units = page.rows.iter().map(read).collect::<Result<_, _>>()?;
    Ok((units, page.next_page_token))
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
    let params = params![id.property.0, id.id];
    tx.execute(DELETE, params).await.map_err(in_use)?;
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

fn in_use(error: db::Error) -> Error {
    let users = match error.constraint() {
        Some("leases_unit_fk") => "leases",
        Some("work_orders_unit_fk") => "work orders",
        _ => return error.into(),
    };
    Error::InUse {
        resource: "the unit",
        users,
    }
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
