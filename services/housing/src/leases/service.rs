//! The calls about leases.
//!
//! Each looks at the caller's roles, reads the whole request, and does its work
//! in one transaction, which `finish` ends whatever came of the work.

use resido_proto::housing::v1 as proto;
use resido_tenancy::{
    context::TenantContext,
    db::{Access, Ask, TenantDatabase},
};

use super::{
    model::{Change, LeaseId, NewLease},
    store,
};
use crate::{
    Error, etag, once,
    roles::{ANYBODY, EDITORS, MANAGERS},
};

const READ: &str = "leases.read";
const WRITE: &str = "leases.write";

pub(crate) async fn create(
    ctx: &TenantContext,
    db: &TenantDatabase,
    request: proto::CreateLeaseRequest,
) -> Result<proto::Lease, Error> {
    ctx.call().require(EDITORS, WRITE)?;
    let (once, new) = once::read(ctx, request, NewLease::parse)?;
    let tx = db.begin(ctx, Access::Write).await?;
    let made = async {
        match once.earlier(&tx, new.id.0).await? {
            None => store::insert(&tx, &new).await,
            Some(id) => store::get(&tx, LeaseId(id)).await,
        }
    }
    .await;
    Ok(tx.finish(made).await?.into())
}

pub(crate) async fn get(
    ctx: &TenantContext,
    db: &TenantDatabase,
    request: proto::GetLeaseRequest,
) -> Result<proto::Lease, Error> {
    ctx.call().require(ANYBODY, READ)?;
    let id = LeaseId::parse("name", &request.name)?;
    let tx = db.begin(ctx, Access::Read).await?;
    let found = store::get(&tx, id).await;
    Ok(tx.finish(found).await?.into())
}

pub(crate) async fn list(
    ctx: &TenantContext,
    db: &TenantDatabase,
    request: proto::ListLeasesRequest,
) -> Result<proto::ListLeasesResponse, Error> {
    ctx.call().require(ANYBODY, READ)?;
    let asked = store::LISTING.request(Ask {
        page_size: request.page_size,
        page_token: &request.page_token,
        filter: &request.filter,
        order_by: &request.order_by,
    })?;
    let tx = db.begin(ctx, Access::Read).await?;
    let listed = store::list(&tx, &asked).await;
    let (leases, next_page_token) = tx.finish(listed).await?;
    Ok(proto::ListLeasesResponse {
        leases: leases.into_iter().map(Into::into).collect(),
        next_page_token,
    })
}

pub(crate) async fn update(
    ctx: &TenantContext,
    db: &TenantDatabase,
    request: proto::UpdateLeaseRequest,
) -> Result<proto::Lease, Error> {
    ctx.call().require(EDITORS, WRITE)?;
    let change = Change::parse(request)?;
    let tx = db.begin(ctx, Access::Write).await?;
    let updated = async {
        let old = store::lock(&tx, change.id).await?;
        etag::check(&change.etag, old.revision)?;
        let id = change.id;
        store::update(&tx, id, &change.apply(old)?).await
    }
    .await;
    Ok(tx.finish(updated).await?.into())
}

pub(crate) async fn delete(
    ctx: &TenantContext,
    db: &TenantDatabase,
    request: proto::DeleteLeaseRequest,
) -> Result<(), Error> {
    ctx.call().require(MANAGERS, WRITE)?;
    let id = LeaseId::parse("name", &request.name)?;
    let tx = db.begin(ctx, Access::Write).await?;
    let deleted = async {
        let old = store::lock(&tx, id).await?;
        etag::check(&request.etag, old.revision)?;
        store::delete(&tx, id).await
    }
    .await;
    tx.finish(deleted).await
}
