//! The calls about work orders.
//!
//! Each looks at the caller's roles, reads the whole request, and does its work
//! in one transaction, which `finish` ends whatever came of the work.

use std::time::SystemTime;

use resido_proto::{housing::v1 as proto, validate::Checks};
use resido_tenancy::{
    context::TenantContext,
    db::{Access, Ask, TenantDatabase},
};

use super::{
    model::{Change, NewWorkOrder, Step, WorkOrderId, scheduled_time},
    store,
};
use crate::{
    Error, etag, once,
    roles::{ANYBODY, EDITORS, MANAGERS},
};

pub(crate) const READ: &str = "work-orders.read";
const WRITE: &str = "work-orders.write";

pub(crate) async fn create(
    ctx: &TenantContext,
    db: &TenantDatabase,
    request: proto::CreateWorkOrderRequest,
) -> Result<proto::WorkOrder, Error> {
    ctx.call().require(EDITORS, WRITE)?;
    let (once, new) = once::read(ctx, request, NewWorkOrder::parse)?;
    let tx = db.begin(ctx, Access::Write).await?;
    let made = async {
        match once.earlier(&tx, new.id.0).await? {
            None => store::insert(&tx, &new).await,
            Some(id) => store::get(&tx, WorkOrderId(id)).await,
        }
    }
    .await;
    Ok(tx.finish(made).await?.into())
}

pub(crate) async fn get(
    ctx: &TenantContext,
    db: &TenantDatabase,
    request: proto::GetWorkOrderRequest,
) -> Result<proto::WorkOrder, Error> {
    ctx.call().require(ANYBODY, READ)?;
    let id = WorkOrderId::parse("name", &request.name)?;
    let tx = db.begin(ctx, Access::Read).await?;
    let found = store::get(&tx, id).await;
    Ok(tx.finish(found).await?.into())
}

pub(crate) async fn list(
    ctx: &TenantContext,
    db: &TenantDatabase,
    request: proto::ListWorkOrdersRequest,
) -> Result<proto::ListWorkOrdersResponse, Error> {
    ctx.call().require(ANYBODY, READ)?;
    let asked = store::LISTING.request(Ask {
        page_size: request.page_size,
        page_token: &request.page_token,
        filter: &request.filter,
        order_by: &request.order_by,
    })?;
    let tx = db.begin(ctx, Access::Read).await?;
    let listed = store::list(&tx, &asked).await;
    let (work_orders, next_page_token) = tx.finish(listed).await?;
    Ok(proto::ListWorkOrdersResponse {
        work_orders: work_orders.into_iter().map(Into::into).collect(),
        next_page_token,
    })
}

pub(crate) async fn update(
    ctx: &TenantContext,
    db: &TenantDatabase,
    request: proto::UpdateWorkOrderRequest,
) -> Result<proto::WorkOrder, Error> {
    ctx.call().require(EDITORS, WRITE)?;
    let change = Change::parse(request)?;
    let tx = db.begin(ctx, Access::Write).await?;
    let updated = async {
        let old = store::lock(&tx, change.id).await?;
        etag::check(&change.etag, old.revision)?;
        old.state.is_pending()?;
        let id = change.id;
        store::update(&tx, id, &change.apply(old)?).await
    }
    .await;
    Ok(tx.finish(updated).await?.into())
}

pub(crate) async fn delete(
    ctx: &TenantContext,
    db: &TenantDatabase,
    request: proto::DeleteWorkOrderRequest,
) -> Result<(), Error> {
    ctx.call().require(MANAGERS, WRITE)?;
    let id = WorkOrderId::parse("name", &request.name)?;
    let tx = db.begin(ctx, Access::Write).await?;
    let deleted = async {
        let old = store::lock(&tx, id).await?;
        etag::check(&request.etag, old.revision)?;
        store::delete(&tx, id).await
    }
    .await;
    tx.finish(deleted).await
}

pub(crate) async fn schedule(
    ctx: &TenantContext,
    db: &TenantDatabase,
    request: proto::ScheduleWorkOrderRequest,
) -> Result<proto::WorkOrder, Error> {
    ctx.call().require(EDITORS, WRITE)?;
    let mut checks = Checks::default();
    let id = checks.take(WorkOrderId::parse("name", &request.name));
    let time = checks.take(scheduled_time(request.scheduled_time, SystemTime::now()));
    let (id, time) = checks.finish_with(id.zip(time))?;
    advance(ctx, db, (id, &request.etag), Step::Schedule(time)).await
}

pub(crate) async fn complete(
    ctx: &TenantContext,
    db: &TenantDatabase,
    request: proto::CompleteWorkOrderRequest,
) -> Result<proto::WorkOrder, Error> {
    ctx.call().require(EDITORS, WRITE)?;
    let id = WorkOrderId::parse("name", &request.name)?;
    advance(ctx, db, (id, &request.etag), Step::Complete).await
}

pub(crate) async fn cancel(
    ctx: &TenantContext,
    db: &TenantDatabase,
    request: proto::CancelWorkOrderRequest,
) -> Result<proto::WorkOrder, Error> {
    ctx.call().require(EDITORS, WRITE)?;
    let id = WorkOrderId::parse("name", &request.name)?;
    advance(ctx, db, (id, &request.etag), Step::Cancel).await
}

async fn advance(
    ctx: &TenantContext,
    db: &TenantDatabase,
    (id, etag): (WorkOrderId, &str),
    step: Step,
) -> Result<proto::WorkOrder, Error> {
    let tx = db.begin(ctx, Access::Write).await?;
    let advanced = async {
        let old = store::lock(&tx, id).await?;
        etag::check(etag, old.revision)?;
        let state = step.from(old.state)?;
        let scheduled = match step {
            Step::Schedule(time) => Some(time),
            Step::Complete | Step::Cancel => old.scheduled,
        };
        store::advance(&tx, id, state, scheduled).await
    }
    .await;
    Ok(tx.finish(advanced).await?.into())
}
