//! The calls about properties.

use resido_proto::{
    housing::v1 as proto,
    page::{Cursor, PageRequest},
};
use resido_tenancy::{
    context::TenantContext,
    db::{Access, TenantDatabase},
};

use super::{
    model::{CHANGEABLE, Fields, Property, PropertyId},
    store,
};
use crate::{Error, etag, id, mask::Mask};

pub(crate) async fn create(
    ctx: &TenantContext,
    db: &TenantDatabase,
    request: proto::CreatePropertyRequest,
) -> Result<proto::Property, Error> {
    let id = PropertyId(id::wanted("property_id", &request.property_id)?);
    let fields = Fields::parse(request.property.unwrap_or_default())?;
    let tx = db.begin(ctx, Access::Write).await?;
    let property = store::insert(&tx, id, &fields).await?;
    tx.commit().await?;
    Ok(property.into())
}

pub(crate) async fn get(
    ctx: &TenantContext,
    db: &TenantDatabase,
    request: proto::GetPropertyRequest,
) -> Result<proto::Property, Error> {
    let id = PropertyId::parse("name", &request.name)?;
    let tx = db.begin(ctx, Access::Read).await?;
    let property = store::get(&tx, id).await?;
    tx.commit().await?;
    Ok(property.into())
}

pub(crate) async fn list(
    ctx: &TenantContext,
    db: &TenantDatabase,
    request: proto::ListPropertiesRequest,
) -> Result<proto::ListPropertiesResponse, Error> {
    let page = PageRequest::parse(request.page_size, &request.page_token)?;
    let tx = db.begin(ctx, Access::Read).await?;
    let mut rows = store::list(&tx, &page).await?;
    tx.commit().await?;
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
    let changes = request.property.unwrap_or_default();
    let id = PropertyId::parse("property.name", &changes.name)?;
    let mask = Mask::parse(request.update_mask, CHANGEABLE)?;
    let tx = db.begin(ctx, Access::Write).await?;
    let old = store::lock(&tx, id).await?;
    etag::check(&changes.etag, old.revision)?;
    let fields = Fields::parse(old.fields.merge(changes, &mask))?;
    let property = store::update(&tx, id, &fields).await?;
    tx.commit().await?;
    Ok(property.into())
}

pub(crate) async fn delete(
    ctx: &TenantContext,
    db: &TenantDatabase,
    request: proto::DeletePropertyRequest,
) -> Result<(), Error> {
    let id = PropertyId::parse("name", &request.name)?;
    let tx = db.begin(ctx, Access::Write).await?;
    let old = store::lock(&tx, id).await?;
    etag::check(&request.etag, old.revision)?;
    store::delete(&tx, id).await?;
    tx.commit().await?;
    Ok(())
}
