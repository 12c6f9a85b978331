//! Leases in the tenant's schema.

use resido_proto::filter::Kind;
use resido_tenancy::db::{self, ListRequest, Listing, Row, TenantTx, params};
use uuid::Uuid;

use super::model::{Day, Lease, LeaseId, NewLease, Rent, Terms};
use crate::{
    Error,
    column::{column, condition},
    properties::model::PropertyId,
    residents::model::ResidentId,
    units::model::UnitId,
};

/// Those who let the same unit wait for each other here: in the index of the
/// constraint two of them could each wait for the other's end.
const LOCK_UNIT: &str = "
    select number
      from units
     where property_id = $1 and id = $2
       for no key update";
const INSERT: &str = "
    insert into leases (id, unit_number, resident_id, start_date, end_date, rent_minor, currency)
    values ($1, $2, $3, $4::date, $5::date, $6, $7)";
const GET: &str = "
    select l.id, u.property_id, u.id as unit_id, l.resident_id,
           to_char(l.start_date, 'YYYY-MM-DD') as start_day,
           to_char(l.end_date, 'YYYY-MM-DD') as end_day,
           l.rent_minor, l.currency, l.create_time, l.update_time, l.revision
      from leases l
      join units u on u.number = l.unit_number
     where l.id = $1";
const LOCK: &str = "
    select l.id, u.property_id, u.id as unit_id, l.resident_id,
           to_char(l.start_date, 'YYYY-MM-DD') as start_day,
           to_char(l.end_date, 'YYYY-MM-DD') as end_day,
           l.rent_minor, l.currency, l.create_time, l.update_time, l.revision
      from leases l
      join units u on u.number = l.unit_number
     where l.id = $1
       for no key update of u, l";
const UPDATE: &str = "
    update leases
       set start_date = $2::date, end_date = $3::date, rent_minor = $4, currency = $5,
           update_time = now(), revision = revision + 1
     where id = $1";
/// Its documents go with it.
const DELETE: &str = "delete from leases where id = $1";

/// The list of leases. One that is open ends after all others.
pub(super) const LISTING: Listing = Listing {
    select: "l.id, u.property_id, u.id as unit_id, l.resident_id,
             to_char(l.start_date, 'YYYY-MM-DD') as start_day,
             to_char(l.end_date, 'YYYY-MM-DD') as end_day,
             l.rent_minor, l.currency, l.create_time, l.update_time, l.revision",
    from: "leases l join units u on u.number = l.unit_number",
    scope: "true",
    columns: &[
        condition("unit", "u.id", Kind::Id(unit)),
        condition("resident", "l.resident_id", Kind::Id(resident)),
        column("start_date", "l.start_date", Kind::Date),
        column("end_date", "coalesce(l.end_date, 'infinity')", Kind::Date),
        column("create_time", "l.create_time", Kind::Time),
        column("update_time", "l.update_time", Kind::Time),
    ],
    id: "l.id",
    order: "create_time",
};

fn unit(name: &str) -> Option<Uuid> {
    UnitId::parse("filter", name).ok().map(|unit| unit.id)
}

fn resident(name: &str) -> Option<Uuid> {
    ResidentId::parse("filter", name).ok().map(|id| id.0)
}

pub(super) async fn insert(tx: &TenantTx, new: &NewLease) -> Result<Lease, Error> {
    let place = params![new.unit.property.0, new.unit.id];
    let unit = tx.query_opt(LOCK_UNIT, place).await?;
    let unit = unit.ok_or(Error::NotFound("unit"))?;
    let number: i64 = unit.try_get("number").map_err(db::Error::from)?;
    let Terms { start, end, rent } = &new.terms;
    let (start, end) = (start.as_str(), end.as_ref().map(Day::as_str));
    let (lease, resident) = (new.id.0, new.resident.0);
    let params = params![
        lease,
        number,
        resident,
        start,
        end,
        rent.minor,
        rent.currency
    ];
    tx.execute(INSERT, params).await.map_err(violated)?;
    get(tx, new.id).await
}

pub(super) async fn get(tx: &TenantTx, id: LeaseId) -> Result<Lease, Error> {
    found(tx.query_opt(GET, params![id.0]).await?.as_ref())
}

/// Reads a lease and keeps others from changing it, and from letting its unit,
/// until the transaction ends.
pub(super) async fn lock(tx: &TenantTx, id: LeaseId) -> Result<Lease, Error> {
    found(tx.query_opt(LOCK, params![id.0]).await?.as_ref())
}

/// Reads a page of leases, and the token of the next one.
pub(super) async fn list(
    tx: &TenantTx,
    asked: &ListRequest,
) -> Result<(Vec<Lease>, String), Error> {
    let page = tx.list(&LISTING, params![], asked).await?;
    let leases = page.rows.iter().map(read).collect::<Result<_, _>>()?;
    Ok((leases, page.next_page_token))
}

pub(super) async fn update(tx: &TenantTx, id: LeaseId, terms: &Terms) -> Result<Lease, Error> {
    let Terms { start, end, rent } = terms;
    let (start, end) = (start.as_str(), end.as_ref().map(Day::as_str));
    let params = params![id.0, start, end, rent.minor, rent.currency];
    tx.execute(UPDATE, params).await.map_err(violated)?;
    get(tx, id).await
}

pub(super) async fn delete(tx: &TenantTx, id: LeaseId) -> Result<(), Error> {
    tx.execute(DELETE, params![id.0]).await?;
    Ok(())
}

fn found(row: Option<&Row>) -> Result<Lease, Error> {
    read(row.ok_or(Error::NotFound("lease"))?)
}

fn read(row: &Row) -> Result<Lease, Error> {
    let id = |column: &str| row.try_get::<_, Uuid>(column).map_err(db::Error::from);
    let end: Option<String> = row.try_get("end_day").map_err(db::Error::from)?;
    Ok(Lease {
        id: LeaseId(id("id")?),
        unit: UnitId {
            property: PropertyId(id("property_id")?),
            id: id("unit_id")?,
        },
        resident: ResidentId(id("resident_id")?),
        terms: Terms {
            start: Day::stored(row.try_get("start_day").map_err(db::Error::from)?),
            end: end.map(Day::stored),
            rent: Rent {
                currency: row.try_get("currency").map_err(db::Error::from)?,
                minor: row.try_get("rent_minor").map_err(db::Error::from)?,
            },
        },
        created: row.try_get("create_time").map_err(db::Error::from)?,
        updated: row.try_get("update_time").map_err(db::Error::from)?,
        revision: row.try_get("revision").map_err(db::Error::from)?,
    })
}

fn violated(error: db::Error) -> Error {
    match error.constraint() {
        Some("leases_no_overlap") => Error::LeaseOverlap,
        Some("leases_unit_fk") => Error::NotFound("unit"),
        Some("leases_resident_fk") => Error::NotFound("resident"),
        Some("leases_pkey") => Error::Exists {
            resource: "a lease",
            field: "id",
        },
        _ => error.into(),
    }
}
