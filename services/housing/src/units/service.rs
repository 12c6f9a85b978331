//! The calls about units.

use resido_proto::{
    housing::v1 as proto,
    page::{Cursor, PageRequest},
};
use resido_tenancy::{
    context::TenantContext,
    db::{Access, TenantDatabase},
};

use super::{
    model::{CHANGEABLE, Fields, Unit, UnitId},
    store,
};
use crate::{Error, etag, id, mask::Mask, properties::model::PropertyId};

pub(crate) async fn create(
    ctx: &TenantContext,
    db: &TenantDatabase,
    request: proto::CreateUnitRequest,
) -> Result<proto::Unit, Error> {
    let property = PropertyId::parse("parent", &request.parent)?;
    let id = UnitId {
        property,
        id: id::wanted("unit_id", &request.unit_id)?,
    };
    let fields = Fields::parse(request.unit.unwrap_or_default())?;
    let tx = db.begin(ctx, Access::Write).await?;
    let unit = store::insert(&tx, id, &fields).await?;
    tx.commit().await?;
    Ok(unit.into())
}

pub(crate) async fn get(
    ctx: &TenantContext,
    db: &TenantDatabase,
    request: proto::GetUnitRequest,
) -> Result<proto::Unit, Error> {
    let id = UnitId::parse("name", &request.name)?;
    let tx = db.begin(ctx, Access::Read).await?;
    let unit = store::get(&tx, id).await?;
    tx.commit().await?;
    Ok(unit.into())
}

pub(crate) async fn list(
    ctx: &TenantContext,
    db: &TenantDatabase,
    request: proto::ListUnitsRequest,
) -> Result<proto::ListUnitsResponse, Error> {
    let property = PropertyId::parse("parent", &request.parent)?;
    let page = PageRequest::parse(request.page_size, &request.page_token)?;
    let tx = db.begin(ctx, Access::Read).await?;
    let mut rows = store::list(&tx, property, &page).await?;
    tx.commit().await?;
    let next_page_token = page.finish(&mut rows, |row: &Unit| {
        Cursor::behind(row.created, row.id.id)
    });
    let units = rows.into_iter().map(Into::into).collect();
    Ok(proto::ListUnitsResponse {
        units,
        next_page_token,
    })
}

pub(crate) async fn update(
    ctx: &TenantContext,
    db: &TenantDatabase,
    request: proto::UpdateUnitRequest,
) -> Result<proto::Unit, Error> {
    let changes = request.unit.unwrap_or_default();
    let id = UnitId::parse("unit.name", &changes.name)?;
    let mask = Mask::parse(request.update_mask, CHANGEABLE)?;
    let tx = db.begin(ctx, Access::Write).await?;
    let old = store::lock(&tx, id).await?;
    etag::check(&changes.etag, old.revision)?;
    let fields = Fields::parse(old.fields.merge(changes, &mask))?;
    let unit = store::update(&tx, id, &fields).await?;
    tx.commit().await?;
    Ok(unit.into())
}

pub(crate) async fn delete(
    ctx: &TenantContext,
    db: &TenantDatabase,
    request: proto::DeleteUnitRequest,
) -> Result<(), Error> {
    let id = UnitId::parse("name", &request.name)?;
    let tx = db.begin(ctx, Access::Write).await?;
    let old = store::lock(&tx, id).await?;
    etag::check(&request.etag, old.revision)?;
    store::delete(&tx, id).await?;
    tx.commit().await?;
    Ok(())
}
