//! Residents in the tenant's schema.

use std::collections::HashSet;

use resido_proto::filter::Kind;
use resido_tenancy::db::{self, ListRequest, Listing, Row, TenantTx, params};
use uuid::Uuid;

use super::model::{Fields, NewResident, Resident, ResidentId};
use crate::{Error, column::column};

const INSERT: &str = "
    insert into residents (id, given_name, family_name, email, phone)
    values ($1, $2, $3, $4, $5)
    returning id, given_name, family_name, email, phone, create_time, update_time, revision";
/// Passes over those whose address is taken, by rows before them as well.
const INSERT_MANY: &str = "
    insert into residents (id, given_name, family_name, email, phone)
    select id, given_name, family_name, email, phone
      from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[])
        as many (id, given_name, family_name, email, phone)
        on conflict (email) where email <> '' do nothing
    returning id";
const GET: &str = "
    select id, given_name, family_name, email, phone, create_time, update_time, revision
      from residents
     where id = $1";
const LOCK: &str = "
    select id, given_name, family_name, email, phone, create_time, update_time, revision
      from residents
     where id = $1
       for no key update";
const UPDATE: &str = "
    update residents
       set given_name = $2, family_name = $3, email = $4, phone = $5,
           update_time = now(), revision = revision + 1
     where id = $1
    returning id, given_name, family_name, email, phone, create_time, update_time, revision";
const DELETE: &str = "delete from residents where id = $1";

/// The list of residents.
pub(super) const LISTING: Listing = Listing {
    select: "id, given_name, family_name, email, phone, create_time, update_time, revision",
    from: "residents",
    scope: "true",
    columns: &[
        column("given_name", "given_name", Kind::Text),
        column("family_name", "family_name", Kind::Text),
        column("email", "email", Kind::Text),
        column("phone", "phone", Kind::Text),
        column("create_time", "create_time", Kind::Time),
        column("update_time", "update_time", Kind::Time),
    ],
    id: "id",
    order: "create_time",
};

pub(super) async fn insert(tx: &TenantTx, new: &NewResident) -> Result<Resident, Error> {
    let f = &new.fields;
    let params = params![new.id.0, f.given_name, f.family_name, f.email, f.phone];
    read(&tx.query_one(INSERT, params).await.map_err(taken)?)
}

/// Inserts residents, and returns the ids of those whose address was free.
pub(super) async fn insert_many(
    tx: &TenantTx,
    many: &[NewResident],
) -> Result<HashSet<Uuid>, Error> {
    let ids: Vec<Uuid> = many.iter().map(|new| new.id.0).collect();
    let texts = |field: fn(&Fields) -> &String| -> Vec<String> {
        many.iter().map(|new| field(&new.fields).clone()).collect()
    };
    let given_names = texts(|fields| &fields.given_name);
    let family_names = texts(|fields| &fields.family_name);
    let emails = texts(|fields| &fields.email);
    let phones = texts(|fields| &fields.phone);
    let params = params![ids, given_names, family_names, emails, phones];
    let rows = tx.query(INSERT_MANY, params).await?;
    let made = rows.iter().map(|row| row.try_get("id"));
    Ok(made.collect::<Result<_, _>>().map_err(db::Error::from)?)
}

pub(super) async fn get(tx: &TenantTx, id: ResidentId) -> Result<Resident, Error> {
    found(tx.query_opt(GET, params![id.0]).await?.as_ref())
}

/// Reads a resident and keeps others from changing them until the transaction
/// ends.
pub(super) async fn lock(tx: &TenantTx, id: ResidentId) -> Result<Resident, Error> {
    found(tx.query_opt(LOCK, params![id.0]).await?.as_ref())
}

/// Reads a page of residents, and the token of the next one.
pub(super) async fn list(
    tx: &TenantTx,
    asked: &ListRequest,
) -> Result<(Vec<Resident>, String), Error> {
    let page = tx.list(&LISTING, params![], asked).await?;
    let residents = page.rows.iter().map(read).collect::<Result<_, _>>()?;
    Ok((residents, page.next_page_token))
}

pub(super) async fn update(
    tx: &TenantTx,
    id: ResidentId,
    fields: &Fields,
) -> Result<Resident, Error> {
    let f = fields;
    let params = params![id.0, f.given_name, f.family_name, f.email, f.phone];
    let row = tx.query_opt(UPDATE, params).await.map_err(taken)?;
    found(row.as_ref())
}

pub(super) async fn delete(tx: &TenantTx, id: ResidentId) -> Result<(), Error> {
    tx.execute(DELETE, params![id.0]).await.map_err(in_use)?;
    Ok(())
}

fn found(row: Option<&Row>) -> Result<Resident, Error> {
    read(row.ok_or(Error::NotFound("resident"))?)
}

fn read(row: &Row) -> Result<Resident, Error> {
    let text = |column: &str| row.try_get::<_, String>(column).map_err(db::Error::from);
    Ok(Resident {
        id: ResidentId(row.try_get("id").map_err(db::Error::from)?),
        fields: Fields {
            given_name: text("given_name")?,
            family_name: text("family_name")?,
            email: text("email")?,
            phone: text("phone")?,
        },
        created: row.try_get("create_time").map_err(db::Error::from)?,
        updated: row.try_get("update_time").map_err(db::Error::from)?,
        revision: row.try_get("revision").map_err(db::Error::from)?,
    })
}

/// What a resident is refused with whose address is taken.
pub(super) const EMAIL_TAKEN: Error = Error::Exists {
    resource: "a resident",
    field: "e-mail address",
};

fn taken(error: db::Error) -> Error {
    match error.constraint() {
        Some("residents_pkey") => Error::Exists {
            resource: "a resident",
            field: "id",
        },
        Some("residents_email_key") => EMAIL_TAKEN,
        _ => error.into(),
    }
}

fn in_use(error: db::Error) -> Error {
    match error.constraint() {
        Some("leases_resident_fk") => Error::InUse {
            resource: "the resident",
            users: "leases",
        },
        _ => error.into(),
    }
}
