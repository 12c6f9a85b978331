//! A new way in for the first owner of a tenant that nobody has entered.

use std::time::SystemTime;

use resido_proto::{ids::TenantId, tenancy::v1 as proto};
use resido_tenancy::{context::CallContext, db::PublicTx, tenant::State};

use super::{access, model, service::Tenants, store};
use crate::{
    Error,
    audit::{self, Actor, Event},
    staff::{WRITERS, authorize},
    tokens::Activation,
};

impl Tenants {
    pub(crate) async fn resend_activation(
        &self,
        ctx: &CallContext,
        request: proto::ResendActivationRequest,
    ) -> Result<proto::ResendActivationResponse, Error> {
        authorize(ctx, WRITERS, "tenants.write")?;
        let id = model::tenant_name(&request.name)?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let resent = resend_in(&tx, &Actor::of(ctx), id).await;
        let (token, expires) = tx.finish(resent).await?;
        Ok(proto::ResendActivationResponse {
            activation_token: token.into_text(),
            expire_time: Some(expires.into()),
        })
    }
}

/// Replaces the tokens of a tenant. Its row is locked, as by a registration: of
/// the two the second sees what the first did.
async fn resend_in(
    tx: &PublicTx,
    actor: &Actor,
    id: TenantId,
) -> Result<(Activation, SystemTime), Error> {
    let tenant = store::lock(tx, id).await?;
    if tenant.state != State::Active {
        return Err(Error::TenantState(tenant.state));
    }
    if !store::awaits_owner(tx, id).await? {
        return Err(Error::TenantEntered);
    }
    access::void_activations(tx, id).await?;
    let token = Activation::generate()?;
    let expires = store::invite(tx, id, &tenant.contact_email, &token).await?;
    let event = Event {
        action: "tenants.resend_activation",
        resource: id.resource_name(),
        tenant: Some(id),
        before: None,
        after: None,
    };
    audit::record(tx, actor, event).await?;
    Ok((token, expires))
}
