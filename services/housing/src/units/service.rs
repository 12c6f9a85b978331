//! The calls about units.
//!
//! Each looks at the caller's roles, reads the whole request, and does its work
//! in one transaction, which `finish` ends whatever came of the work.

use resido_proto::{housing::v1 as proto, validate::Checks};
use resido_tenancy::{
    context::TenantContext,
    db::{Access, Ask, TenantDatabase},
};

use super::{
    model::{Change, NewUnit, UnitId},
    store,
};
use crate::{
    Error, etag, once,
    properties::model::PropertyId,
    roles::{ANYBODY, EDITORS, MANAGERS},
};

const READ: &str = "units.read";
const WRITE: &str = "units.write";

pub(crate) async fn create(
    ctx: &TenantContext,
    db: &TenantDatabase,
    request: proto::CreateUnitRequest,
) -> Result<proto::Unit, Error> {
    ctx.call().require(EDITORS, WRITE)?;
    let (once, new) = once::read(ctx, request, NewUnit::parse)?;
    let tx = db.begin(ctx, Access::Write).await?;
    let made = async {
        match once.earlier(&tx, new.id.id).await? {
            None => store::insert(&tx, &new).await,
            Some(id) => store::get(&tx, UnitId { id, ..new.id }).await,
        }
    }
    .await;
    Ok(tx.finish(made).await?.into())
}

pub(crate) async fn get(
    ctx: &TenantContext,
    db: &TenantDatabase,
    request: proto::GetUnitRequest,
) -> Result<proto::Unit, Error> {
    ctx.call().require(ANYBODY, READ)?;
    let id = UnitId::parse("name", &request.name)?;
    let tx = db.begin(ctx, Access::Read).await?;
    let found = store::get(&tx, id).await;
    Ok(tx.finish(found).await?.into())
}

pub(crate) async fn list(
    ctx: &TenantContext,
    db: &TenantDatabase,
    request: proto::ListUnitsRequest,
) -> Result<proto::ListUnitsResponse, Error> {
    ctx.call().require(ANYBODY, READ)?;
    let mut checks = Checks::default();
    let property = checks.take(PropertyId::parse("parent", &request.parent));
    let asked = checks.take(store::LISTING.request(Ask {
        page_size: request.page_size,
        page_token: &request.page_token,
        filter: &request.filter,
        order_by: &request.order_by,
    }));
    let (property, asked) = checks.finish_with(property.zip(asked))?;
    let tx = db.begin(ctx, Access::Read).await?;
    let listed = store::list(&tx, property, &asked).await;
    let (units, next_page_token) = tx.finish(listed).await?;
    Ok(proto::ListUnitsResponse {
        units: units.into_iter().map(Into::into).collect(),
        next_page_token,
    })
}

pub(crate) async fn update(
    ctx: &TenantContext,
    db: &TenantDatabase,
    request: proto::UpdateUnitRequest,
) -> Result<proto::Unit, Error> {
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
    request: proto::DeleteUnitRequest,
) -> Result<(), Error> {
    ctx.call().require(MANAGERS, WRITE)?;
    let id = UnitId::parse("name", &request.name)?;
    let tx = db.begin(ctx, Access::Write).await?;
    let deleted = async {
        let old = store::lock(&tx, id).await?;
        etag::check(&request.etag, old.revision)?;
        store::delete(&tx, id).await
    }
    .await;
    tx.finish(deleted).await
}
