//! The calls about properties.
//!
//! Each looks at the caller's roles, reads the whole request, and does its work
//! in one transaction, which `finish` ends whatever came of the work.

use resido_proto::{
    housing::v1 as proto,
    page::{Cursor, PageRequest},
};
use resido_tenancy::{
    context::TenantContext,
    db::{Access, TenantDatabase},
};

use super::{
    model::{Change, NewProperty, Property, PropertyId},
    store,
};
use crate::{
    Error, etag,
    roles::{ANYBODY, EDITORS, MANAGERS},
};

const READ: &str = "properties.read";
const WRITE: &str = "properties.write";

pub(crate) async fn create(
    ctx: &TenantContext,
    db: &TenantDatabase,
    request: proto::CreatePropertyRequest,
) -> Result<proto::Property, Error> {
    ctx.call().require(EDITORS, WRITE)?;
    let new = NewProperty::parse(request)?;
    let tx = db.begin(ctx, Access::Write).await?;
    let inserted = store::insert(&tx, &new).await;
    Ok(tx.finish(inserted).await?.into())
}

pub(crate) async fn get(
    ctx: &TenantContext,
    db: &TenantDatabase,
    request: proto::GetPropertyRequest,
) -> Result<proto::Property, Error> {
    ctx.call().require(ANYBODY, READ)?;
    let id = PropertyId::parse("name", &request.name)?;
    let tx = db.begin(ctx, Access::Read).await?;
    let found = store::get(&tx, id).await;
    Ok(tx.finish(found).await?.into())
}

pub(crate) async fn list(
    ctx: &TenantContext,
    db: &TenantDatabase,
    request: proto::ListPropertiesRequest,
) -> Result<proto::ListPropertiesResponse, Error> {
    ctx.call().require(ANYBODY, READ)?;
    let page = PageRequest::parse(request.page_size, &request.page_token)?;
    let tx = db.begin(ctx, Access::Read).await?;
    let listed = store::list(&tx, &page).await;
    let mut rows = tx.finish(listed).await?;
    let next_page_token = page.finish(&mut rows, |row: &Property| {
        Cursor::behind(row.created, row.id.0)
    });
    let properties = rows.into_iter().map(Into::into).collect();
    Ok(proto::ListPropertiesResponse {
        properties,
        next_page_token,
    })
}

pub(crate) async fn update(
    ctx: &TenantContext,
    db: &TenantDatabase,
    request: proto::UpdatePropertyRequest,
) -> Result<proto::Property, Error> {
    ctx.call().require(EDITORS, WRITE)?;
    let change = Change::parse(request)?;
    let tx = db.begin(ctx, Access::Write).await?;
    let updated = async {
        let old = store::lock(&tx, change.id).await?;
        etag::check(&change.etag, old.revision)?;
        store::update(&tx, change.id, &change.apply(old.fields)).await
    }
    .await;
    Ok(tx.finish(updated).await?.into())
}

pub(crate) async fn delete(
    ctx: &TenantContext,
    db: &TenantDatabase,
    request: proto::DeletePropertyRequest,
) -> Result<(), Error> {
    ctx.call().require(MANAGERS, WRITE)?;
    let id = PropertyId::parse("name", &request.name)?;
    let tx = db.begin(ctx, Access::Write).await?;
    let deleted = async {
        let old = store::lock(&tx, id).await?;
        etag::check(&request.etag, old.revision)?;
        store::delete(&tx, id).await
    }
    .await;
    tx.finish(deleted).await
}
