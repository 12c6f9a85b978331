//! Properties in the tenant's schema.

use resido_proto::filter::Kind;
use resido_tenancy::db::{self, ListRequest, Listing, Row, TenantTx, params};

use super::model::{Fields, NewProperty, Property, PropertyId};
use crate::{Error, column::column};

const INSERT: &str = "
    insert into properties (id, display_name, line1, line2, city, postal_code, country_code)
    values ($1, $2, $3, $4, $5, $6, $7)
    returning id, display_name, line1, line2, city, postal_code, country_code,
              create_time, update_time, revision";
const GET: &str = "
    select id, display_name, line1, line2, city, postal_code, country_code,
           create_time, update_time, revision
      from properties
     where id = $1";
const LOCK: &str = "
    select id, display_name, line1, line2, city, postal_code, country_code,
           create_time, update_time, revision
      from properties
     where id = $1
       for no key update";
const UPDATE: &str = "
    update properties
       set display_name = $2, line1 = $3, line2 = $4, city = $5, postal_code = $6,
           country_code = $7, update_time = now(), revision = revision + 1
     where id = $1
    returning id, display_name, line1, line2, city, postal_code, country_code,
              create_time, update_time, revision";
const DELETE: &str = "delete from properties where id = $1";

/// The list of properties.
pub(super) const LISTING: Listing = Listing {
    select: "id, display_name, line1, line2, city, postal_code, country_code,
             create_time, update_time, revision",
    from: "properties",
    scope: "true",
    columns: &[
        column("display_name", "display_name", Kind::Text),
        column("address.city", "city", Kind::Text),
        column("address.postal_code", "postal_code", Kind::Text),
        column("address.country_code", "country_code", Kind::Text),
        column("create_time", "create_time", Kind::Time),
        column("update_time", "update_time", Kind::Time),
    ],
    id: "id",
    order: "create_time",
};

pub(super) async fn insert(tx: &TenantTx, new: &NewProperty) -> Result<Property, Error> {
    let NewProperty { id, fields } = new;
    let a = &fields.address;
    let params = params![
        id.0,
        fields.display_name,
        a.line1,
        a.line2,
        a.city,
        a.postal_code,
        a.country_code
    ];
    read(&tx.query_one(INSERT, params).await.map_err(taken)?)
}

pub(super) async fn get(tx: &TenantTx, id: PropertyId) -> Result<Property, Error> {
    found(tx.query_opt(GET, params![id.0]).await?.as_ref())
}

/// Reads a property and keeps others from changing it until the transaction
/// ends.
pub(super) async fn lock(tx: &TenantTx, id: PropertyId) -> Result<Property, Error> {
    found(tx.query_opt(LOCK, params![id.0]).await?.as_ref())
}

/// Reads a page of properties, and the token of the next one.
pub(super) async fn list(
    tx: &TenantTx,
    asked: &ListRequest,
) -> Result<(Vec<Property>, String), Error> {
    let page = tx.list(&LISTING, params![], asked).await?;
    let properties = page.rows.iter().map(read).collect::<Result<_, _>>()?;
    Ok((properties, page.next_page_token))
}

pub(super) async fn update(
    tx: &TenantTx,
    id: PropertyId,
    fields: &Fields,
) -> Result<Property, Error> {
    let a = &fields.address;
    let params = params![
        id.0,
        fields.display_name,
        a.line1,
        a.line2,
        a.city,
        a.postal_code,
        a.country_code
    ];
    found(tx.query_opt(UPDATE, params).await?.as_ref())
}

pub(super) async fn delete(tx: &TenantTx, id: PropertyId) -> Result<(), Error> {
    tx.execute(DELETE, params![id.0]).await.map_err(in_use)?;
    Ok(())
}

fn found(row: Option<&Row>) -> Result<Property, Error> {
    read(row.ok_or(Error::NotFound("property"))?)
}

fn read(row: &Row) -> Result<Property, Error> {
    let text = |column: &str| row.try_get::<_, String>(column).map_err(db::Error::from);
    Ok(Property {
        id: PropertyId(row.try_get("id").map_err(db::Error::from)?),
        fields: Fields {
            display_name: text("display_name")?,
            address: resido_proto::housing::v1::Address {
                line1: text("line1")?,
                line2: text("line2")?,
                city: text("city")?,
                postal_code: text("postal_code")?,
                country_code: text("country_code")?,
            },
        },
        created: row.try_get("create_time").map_err(db::Error::from)?,
        updated: row.try_get("update_time").map_err(db::Error::from)?,
        revision: row.try_get("revision").map_err(db::Error::from)?,
    })
}

fn taken(error: db::Error) -> Error {
    match error.constraint() {
        Some("properties_pkey") => Error::Exists {
            resource: "a property",
            field: "id",
        },
        _ => error.into(),
    }
}

fn in_use(error: db::Error) -> Error {
    match error.constraint() {
        Some("units_property_fk") => Error::InUse {
            resource: "the property",
            users: "units",
        },
        _ => error.into(),
    }
}
