//! The calls about the domains that select a tenant.

use resido_proto::{error::Violation, ids::TenantId, tenancy::v1 as proto, validate::Checks};
use resido_tenancy::{context::CallContext, db::PublicTx};
use serde_json::json;

use super::{
    domain::Domain,
    model::{self, Tenant},
    names,
    service::Tenants,
    store,
    update::lock_living,
};
use crate::{
    Error,
    audit::{self, Actor, Event},
    outbox,
    staff::{WRITERS, authorize},
};

impl Tenants {
    pub(crate) async fn add_domain(
        &self,
        ctx: &CallContext,
        request: proto::AddTenantDomainRequest,
    ) -> Result<proto::Tenant, Error> {
        authorize(ctx, WRITERS, "tenants.write")?;
        let (id, domain) = parse(&request.name, &request.domain)?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let added = add_in(&tx, &Actor::of(ctx), id, &domain).await;
        Ok(tx.finish(added).await?.into())
    }

    pub(crate) async fn remove_domain(
        &self,
        ctx: &CallContext,
        request: proto::RemoveTenantDomainRequest,
    ) -> Result<proto::Tenant, Error> {
        authorize(ctx, WRITERS, "tenants.write")?;
        let (id, domain) = parse(&request.name, &request.domain)?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let removed = remove_in(&tx, &Actor::of(ctx), id, &domain).await;
        Ok(tx.finish(removed).await?.into())
    }
}

fn parse(name: &str, domain: &str) -> Result<(TenantId, Domain), Vec<Violation>> {
    let mut checks = Checks::default();
    let id = checks.take(model::tenant_name(name));
    let domain = checks.take(Domain::parse(domain));
    checks.finish_with(id.zip(domain))
}

async fn add_in(
    tx: &PublicTx,
    actor: &Actor,
    id: TenantId,
    domain: &Domain,
) -> Result<Tenant, Error> {
    let seen = lock_living(tx, id).await?;
    if !names::add_domain(tx, id, domain).await? {
        return Ok(seen);
    }
    changed(tx, actor, &seen, "tenants.add_domain").await
}

async fn remove_in(
    tx: &PublicTx,
    actor: &Actor,
    id: TenantId,
    domain: &Domain,
) -> Result<Tenant, Error> {
    let seen = lock_living(tx, id).await?;
    if !names::remove_domain(tx, id, domain).await? {
        return Err(Error::NotFound("domain"));
    }
    changed(tx, actor, &seen, "tenants.remove_domain").await
}

/// Notes that a tenant's domains have changed.
async fn changed(
    tx: &PublicTx,
    actor: &Actor,
    seen: &Tenant,
    action: &'static str,
) -> Result<Tenant, Error> {
    let tenant = store::touch(tx, seen.id).await?;
    let record = |tenant: &Tenant| json!({"domains": tenant.domains, "epoch": tenant.epoch});
    let event = Event {
        action,
        resource: tenant.id.resource_name(),
        tenant: Some(tenant.id),
        before: Some(record(seen)),
        after: Some(record(&tenant)),
    };
    audit::record(tx, actor, event).await?;
    outbox::tenant_changed(tx, tenant.id).await?;
    Ok(tenant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_reported_at_once() {
        let faults = parse("acme", "acme").unwrap_err();
        let fields: Vec<_> = faults.into_iter().map(|fault| fault.field).collect();
        assert_eq!(fields, ["name", "domain"]);
        let id = TenantId::new();
        let read = parse(&id.resource_name(), "Acme.Example").unwrap();
        assert_eq!((read.0, read.1.as_str()), (id, "acme.example"));
    }
}
