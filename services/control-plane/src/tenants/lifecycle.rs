//! The calls that change a tenant's state, each in one transaction: the state,
//! the fence of the tenant's schema, the record and the news.
//!
//! The epoch rises with each, and the fence with it: contexts signed before the
//! change open nothing any more.

use resido_migrations as migrations;
use resido_proto::{ids::TenantId, tenancy::v1 as proto, validate::Checks};
use resido_tenancy::{context::CallContext, db, db::PublicTx, tenant::State};
use serde_json::{Value, json};

use super::{
    access,
    deletion::Deletion,
    model::{self, Tenant},
    service::Tenants,
    store,
    transition::{self, Transition},
};
use crate::{
    Error,
    audit::{self, Actor, Event},
    faults::Step,
    outbox,
    staff::{WRITERS, authorize},
};

/// A change of state as somebody asked for it.
struct Wish {
    id: TenantId,
    transition: Transition,
    reason: String,
    /// Whether maintenance lets reads through, where it begins.
    read_only: Option<bool>,
    /// The conditions of a deletion.
    deletion: Option<Deletion>,
}

impl Wish {
    fn new(id: TenantId, transition: Transition, reason: String) -> Self {
        Self {
            id,
            transition,
            reason,
            read_only: None,
            deletion: None,
        }
    }
}

impl Tenants {
    pub(crate) async fn suspend(
        &self,
        ctx: &CallContext,
        request: proto::SuspendTenantRequest,
    ) -> Result<proto::Tenant, Error> {
        authorize(ctx, WRITERS, "tenants.write")?;
        let mut checks = Checks::default();
        let id = checks.take(model::tenant_name(&request.name));
        let reason = checks.take(model::stated_reason(request.reason));
        let (id, reason) = checks.finish_with(id.zip(reason))?;
        let wish = Wish::new(id, Transition::Suspend, reason);
        self.change(ctx, &wish).await
    }

    pub(crate) async fn resume(
        &self,
        ctx: &CallContext,
        request: proto::ResumeTenantRequest,
    ) -> Result<proto::Tenant, Error> {
        authorize(ctx, WRITERS, "tenants.write")?;
        let id = model::tenant_name(&request.name)?;
        let wish = Wish::new(id, Transition::Resume, String::new());
        self.change(ctx, &wish).await
    }

    pub(crate) async fn start_maintenance(
        &self,
        ctx: &CallContext,
        request: proto::StartMaintenanceRequest,
    ) -> Result<proto::Tenant, Error> {
        use proto::start_maintenance_request::Mode;
        authorize(ctx, WRITERS, "tenants.write")?;
        let mut checks = Checks::default();
        let read_only = match request.mode() {
            Mode::ReadOnly => Some(true),
            Mode::Closed => Some(false),
            Mode::Unspecified => None,
        };
        checks.require(read_only.is_some(), "mode", "must be READ_ONLY or CLOSED");
        let id = checks.take(model::tenant_name(&request.name));
        let reason = checks.take(model::stated_reason(request.reason));
        let (id, reason) = checks.finish_with(id.zip(reason))?;
        let wish = Wish {
            read_only,
            ..Wish::new(id, Transition::StartMaintenance, reason)
        };
        self.change(ctx, &wish).await
    }

    pub(crate) async fn end_maintenance(
        &self,
        ctx: &CallContext,
        request: proto::EndMaintenanceRequest,
    ) -> Result<proto::Tenant, Error> {
        authorize(ctx, WRITERS, "tenants.write")?;
        let id = model::tenant_name(&request.name)?;
        let wish = Wish {
            read_only: Some(false),
            ..Wish::new(id, Transition::EndMaintenance, String::new())
        };
        self.change(ctx, &wish).await
    }

    pub(crate) async fn delete(
        &self,
        ctx: &CallContext,
        request: proto::DeleteTenantRequest,
    ) -> Result<proto::Tenant, Error> {
        authorize(ctx, WRITERS, "tenants.write")?;
        let mut checks = Checks::default();
        let id = checks.take(model::tenant_name(&request.name));
        let reason = checks.take(model::stated_reason(request.reason));
        let deletion = Deletion::parse(request.grace, request.etag, request.confirm);
        let deletion = checks.take(deletion);
        let ((id, reason), deletion) = checks.finish_with(id.zip(reason).zip(deletion))?;
        let wish = Wish {
            deletion: Some(deletion),
            ..Wish::new(id, Transition::Delete, reason)
        };
        let faults = self.purger.faults();
        let tx = self.db.begin(ctx.deadline()).await?;
        let changed = change_in(&tx, &Actor::of(ctx), &wish).await;
        if changed.is_ok() {
            faults.pass(Step::DeletionMade).await;
        }
        let deleted = tx.finish(changed).await?;
        faults.pass(Step::Deleted).await;
        Ok(deleted.into())
    }

    /// Restores a deleted tenant. While it was away it was not migrated: its
    /// schema is brought up to date first.
    pub(crate) async fn undelete(
        &self,
        ctx: &CallContext,
        request: proto::UndeleteTenantRequest,
    ) -> Result<proto::Tenant, Error> {
        authorize(ctx, WRITERS, "tenants.write")?;
        let id = model::tenant_name(&request.name)?;
        let wish = Wish::new(id, Transition::Undelete, String::new());
        let tx = self.db.begin(ctx.deadline()).await?;
        let seen = admitted(&tx, &wish).await;
        let (seen, _) = tx.finish(seen).await?;
        let tenant = (seen.id, seen.lock_no);
        let migrated = Box::pin(migrations::migrate_tenant(&self.db, &self.sets, tenant));
        match ctx.deadline() {
            Some(deadline) => tokio::time::timeout_at(deadline, migrated)
                .await
                .map_err(|_| Error::from(db::Error::Deadline))??,
            None => migrated.await?,
        };
        self.change(ctx, &wish).await
    }

    async fn change(&self, ctx: &CallContext, wish: &Wish) -> Result<proto::Tenant, Error> {
        let tx = self.db.begin(ctx.deadline()).await?;
        let changed = change_in(&tx, &Actor::of(ctx), wish).await;
        Ok(tx.finish(changed).await?.into())
    }
}

/// Reads the tenant and where the change leads; refuses what the state machine or
/// the conditions of a deletion do not allow.
async fn admitted(tx: &PublicTx, wish: &Wish) -> Result<(Tenant, State), Error> {
    let seen = store::get(tx, wish.id).await?;
    let to = wish
        .transition
        .to(seen.state, seen.previous)
        .ok_or(Error::TenantState(seen.state))?;
    if let Some(deletion) = &wish.deletion {
        deletion.check(&seen)?;
    }
    if wish.transition == Transition::Undelete && !store::is_restorable(tx, wish.id).await? {
        return Err(Error::TenantState(seen.state));
    }
    Ok((seen, to))
}

async fn change_in(tx: &PublicTx, actor: &Actor, wish: &Wish) -> Result<Tenant, Error> {
    let (seen, to) = admitted(tx, wish).await?;
    let step = store::Step {
        from: wish.transition.from(),
        to,
        read_only: wish.read_only.unwrap_or(seen.read_only),
        grace: wish.deletion.as_ref().map(|deletion| deletion.grace),
    };
    let changed = store::step(tx, &seen, &step).await?;
    let tenant = changed.ok_or(Error::TenantChanged)?;
    if wish.transition == Transition::Delete {
        access::revoke_all(tx, tenant.id).await?;
    }
    let fence = transition::fence(tenant.state, tenant.read_only);
    migrations::set_fence(tx, tenant.id, tenant.epoch, fence).await?;
    let event = Event {
        action: wish.transition.action(),
        resource: tenant.id.resource_name(),
        tenant: Some(tenant.id),
        before: Some(record(&seen)),
        after: Some(after(&tenant, wish)),
    };
    audit::record(tx, actor, event).await?;
    outbox::tenant_changed(tx, tenant.id).await?;
    Ok(tenant)
}

fn record(tenant: &Tenant) -> Value {
    let mut record = json!({"state": tenant.state.as_str(), "epoch": tenant.epoch});
    if tenant.state == State::Maintenance {
        record["read_only"] = tenant.read_only.into();
    }
    record
}

fn after(tenant: &Tenant, wish: &Wish) -> Value {
    let mut after = record(tenant);
    if !wish.reason.is_empty() {
        after["reason"] = wish.reason.as_str().into();
    }
    if let Some(deletion) = &wish.deletion {
        after["grace_seconds"] = deletion.grace.as_secs().into();
    }
    after
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_say_what_a_change_was_about() {
        let id = TenantId::new();
        let tenant = Tenant {
            read_only: true,
            ..Tenant::sample(State::Maintenance)
        };
        let wish = Wish::new(id, Transition::StartMaintenance, "a move".into());
        assert_eq!(
            after(&tenant, &wish),
            json!({"state": "maintenance", "epoch": 2, "read_only": true, "reason": "a move"})
        );
        let wish = Wish {
            deletion: Some(Deletion::parse(None, String::new(), String::new()).unwrap()),
            ..Wish::new(id, Transition::Delete, String::new())
        };
        assert_eq!(
            after(&Tenant::sample(State::Deleting), &wish),
            json!({"state": "deleting", "epoch": 2, "grace_seconds": 2_592_000})
        );
    }
}
