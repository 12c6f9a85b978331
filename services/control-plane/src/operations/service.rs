//! The calls about operations.

use std::time::Duration;

use resido_proto::google::longrunning as proto;
use resido_tenancy::{context::CallContext, db::PublicDatabase};
use tokio::time::Instant;

use super::model;
use crate::{
    Error,
    audit::{self, Actor, Event},
    staff::{READERS, WRITERS, authorize},
    tenants,
};

/// What is left of a deadline for the answer.
const MARGIN: Duration = Duration::from_millis(300);
/// How often a call that waits looks.
const POLL: Duration = Duration::from_millis(100);

/// Serves the calls about operations.
#[derive(Clone)]
pub(crate) struct Operations {
    db: PublicDatabase,
}

impl Operations {
    pub(crate) fn new(db: PublicDatabase) -> Self {
        Self { db }
    }

    pub(crate) async fn list(
        &self,
        ctx: &CallContext,
        request: proto::ListOperationsRequest,
    ) -> Result<proto::ListOperationsResponse, Error> {
        authorize(ctx, READERS, "operations.read")?;
        let asked = model::list(&request)?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let listed = tenants::list_operations(&tx, &asked).await;
        let (operations, next_page_token) = tx.finish(listed).await?;
        Ok(proto::ListOperationsResponse {
            operations,
            next_page_token,
            unreachable: Vec::new(),
        })
    }

    pub(crate) async fn get(
        &self,
        ctx: &CallContext,
        request: proto::GetOperationRequest,
    ) -> Result<proto::Operation, Error> {
        authorize(ctx, READERS, "operations.read")?;
        let id = model::operation_name(&request.name)?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let found = tenants::get_operation(&tx, id).await;
        tx.finish(found).await
    }

    /// Returns an operation when it is done, or as it is when the wait is over.
    pub(crate) async fn wait(
        &self,
        ctx: &CallContext,
        request: proto::WaitOperationRequest,
    ) -> Result<proto::Operation, Error> {
        authorize(ctx, READERS, "operations.read")?;
        let (id, timeout) = model::wait(&request)?;
        let mut until = Instant::now() + timeout;
        if let Some(deadline) = ctx.deadline().and_then(|at| at.checked_sub(MARGIN)) {
            until = until.min(deadline);
        }
        loop {
            let tx = self.db.begin(ctx.deadline()).await?;
            let found = tenants::get_operation(&tx, id).await;
            let found = tx.finish(found).await?;
            if found.done || Instant::now() + POLL > until {
                return Ok(found);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    pub(crate) async fn cancel(
        &self,
        ctx: &CallContext,
        request: proto::CancelOperationRequest,
    ) -> Result<(), Error> {
        authorize(ctx, WRITERS, "operations.write")?;
        let id = model::operation_name(&request.name)?;
        tenants::cancel(&self.db, &Actor::of(ctx), id).await
    }

    /// Forgets an operation that is done.
    pub(crate) async fn delete(
        &self,
        ctx: &CallContext,
        request: proto::DeleteOperationRequest,
    ) -> Result<(), Error> {
        authorize(ctx, WRITERS, "operations.write")?;
        let id = model::operation_name(&request.name)?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let work = async {
            if !tenants::delete(&tx, id).await? {
                tenants::get_operation(&tx, id).await?;
                return Err(Error::OperationOpen);
            }
            let event = Event {
                action: "operations.delete",
                resource: id.resource_name(),
                tenant: None,
                before: None,
                after: None,
            };
            audit::record(&tx, &Actor::of(ctx), event).await
        };
        let deleted = work.await;
        tx.finish(deleted).await
    }
}
