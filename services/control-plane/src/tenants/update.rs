//! The call that changes what is said of a tenant; a new slug is a new name.

use resido_proto::tenancy::v1 as proto;
use resido_tenancy::{context::CallContext, db::PublicTx};

use super::{access, change::Change, model::Tenant, names, service::Tenants, store, transition};
use crate::{
    Error,
    audit::{self, Actor, Event},
    outbox,
    staff::{WRITERS, authorize},
};

impl Tenants {
    pub(crate) async fn update(
        &self,
        ctx: &CallContext,
        request: proto::UpdateTenantRequest,
    ) -> Result<proto::Tenant, Error> {
        authorize(ctx, WRITERS, "tenants.write")?;
        let change = Change::parse(request)?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let updated = update_in(&tx, &Actor::of(ctx), change).await;
        Ok(tx.finish(updated).await?.into())
    }
}

/// Reads a tenant whose fields may change, and keeps others from changing it.
///
/// # Errors
/// [`Error::NotFound`], or [`Error::TenantState`] if the tenant is not there for
/// its people.
pub(super) async fn lock_living(
    tx: &PublicTx,
    id: resido_proto::ids::TenantId,
) -> Result<Tenant, Error> {
    let seen = store::lock(tx, id).await?;
    if transition::is_living(seen.state) {
        Ok(seen)
    } else {
        Err(Error::TenantState(seen.state))
    }
}

async fn update_in(tx: &PublicTx, actor: &Actor, change: Change) -> Result<Tenant, Error> {
    let seen = lock_living(tx, change.id).await?;
    seen.check_etag(&change.etag)?;
    let fields = change.fields.differing(&seen);
    if fields.is_empty() {
        return Ok(seen);
    }
    if fields.slug.is_some() {
        names::keep_alias(tx, seen.id, &seen.slug).await?;
    }
    // The tokens of one who is the contact no longer open an empty tenant.
    if fields.contact_email.is_some() && store::awaits_owner(tx, seen.id).await? {
        access::void_activations(tx, seen.id).await?;
    }
    let tenant = store::update(tx, seen.id, &fields).await?;
    let event = Event {
        action: "tenants.update",
        resource: tenant.id.resource_name(),
        tenant: Some(tenant.id),
        before: Some(fields.record(&seen, &tenant)),
        after: Some(fields.record(&tenant, &seen)),
    };
    audit::record(tx, actor, event).await?;
    if fields.is_told() {
        outbox::tenant_changed(tx, tenant.id).await?;
    }
    Ok(tenant)
}
