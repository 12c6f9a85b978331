//! The calls about properties.
//!
//! Each looks at the caller's roles, reads the whole request, and does its work
//! in one transaction, which `finish` ends whatever came of the work.

use resido_proto::housing::v1 as proto;
use resido_tenancy::{
    context::TenantContext,
    db::{Access, Ask, TenantDatabase},
};

use super::{
    model::{Change, NewProperty, PropertyId},
    store,
};
use crate::{
    Error, etag, once,
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
    let (once, new) = once::read(ctx, request, NewProperty::parse)?;
    let tx = db.begin(ctx, Access::Write).await?;
    let made = async {
        match once.earlier(&tx, new.id.0).await? {
            None => store::insert(&tx, &new).await,
            Some(id) => store::get(&tx, PropertyId(id)).await,
        }
    }
    .await;
    Ok(tx.finish(made).await?.into())
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
    let asked = store::LISTING.request(Ask {
        page_size: request.page_size,
        page_token: &request.page_token,
        filter: &request.filter,
        order_by: &request.order_by,
    })?;
    let tx = db.begin(ctx, Access::Read).await?;
    let listed = store::list(&tx, &asked).await;
    let (properties, next_page_token) = tx.finish(listed).await?;
    Ok(proto::ListPropertiesResponse {
        properties: properties.into_iter().map(Into::into).collect(),
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
