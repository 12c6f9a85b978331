//! `PurgeTenant`: begun, waited for as long as the caller does, and answered with
//! the proof.

use resido_migrations as migrations;
use resido_proto::{tenancy::v1 as proto, validate::Checks};
use resido_tenancy::{context::CallContext, db::PublicTx};
use tokio::time::Instant;

use super::{
    create::{POLL, wait_until},
    model::{self, Operation},
    purge::Begun,
    purge_store, records,
    service::Tenants,
    store,
};
use crate::{
    Error,
    audit::Actor,
    faults::Step,
    staff::{WRITERS, authorize},
};

impl Tenants {
    /// Removes a tenant's data, and waits for it as long as the caller does.
    pub(crate) async fn purge(
        &self,
        ctx: &CallContext,
        request: proto::PurgeTenantRequest,
    ) -> Result<proto::PurgeTenantResponse, Error> {
        authorize(ctx, WRITERS, "tenants.write")?;
        let mut checks = Checks::default();
        let id = checks.take(model::tenant_name(&request.name));
        checks.text("confirm", &request.confirm, 1, 100);
        let id = checks.finish_with(id)?;
        let actor = Actor::of(ctx);
        let until = wait_until(ctx.deadline());
        let place = self.purger.place()?;
        match self
            .purger
            .begin(&actor, id, Some(&request.confirm))
            .await?
        {
            Begun::New(operation) => {
                self.purger.faults().pass(Step::PurgeBegun).await;
                let task = self.purger.start(operation.clone(), actor, place);
                if let Ok(Ok(Err(error))) = tokio::time::timeout_at(until, task).await
                    && matches!(
                        error,
                        Error::Migration(migrations::Error::Dependents { .. })
                    )
                {
                    return Err(error);
                }
                // Whatever else: the operation says how it stands.
                self.stand(ctx, &operation, Instant::now()).await
            }
            Begun::Known(operation) => {
                drop(place);
                self.stand(ctx, &operation, until).await
            }
        }
    }

    /// Answers with the operation when it is done, or when it is time.
    async fn stand(
        &self,
        ctx: &CallContext,
        operation: &Operation,
        until: Instant,
    ) -> Result<proto::PurgeTenantResponse, Error> {
        loop {
            let tx = self.db.begin(ctx.deadline()).await?;
            let answer = answer_in(&tx, operation).await;
            let answer = tx.finish(answer).await?;
            let done = answer.operation.as_ref().is_some_and(|found| found.done);
            if done || Instant::now() + POLL > until {
                return Ok(answer);
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

async fn answer_in(
    tx: &PublicTx,
    operation: &Operation,
) -> Result<proto::PurgeTenantResponse, Error> {
    let found = records::get(tx, operation.id).await?;
    let tenant = store::get(tx, operation.tenant).await?;
    let proofs = purge_store::proofs(tx, vec![operation.tenant.as_uuid()]).await?;
    Ok(proto::PurgeTenantResponse {
        tenant: Some(tenant.into()),
        proof: proofs.into_iter().map(|(_, proof)| proof).next(),
        operation: Some(found),
    })
}
