//! The calls about tenants, but for their making.

use resido_migrations::{self as migrations, Fence};
use resido_proto::{
    identity::Role,
    ids::TenantId,
    page::{Cursor, PageRequest},
    tenancy::v1 as proto,
    validate::Checks,
};
use resido_tenancy::{
    context::CallContext,
    db::{PublicDatabase, PublicTx},
};
use serde_json::json;

use super::{
    model::{self, Tenant, Transition},
    provision::Provisioner,
    store,
};
use crate::{
    Error,
    audit::{self, Actor, Event},
    outbox,
};

const READERS: &[Role] = &[Role::PLATFORM_ADMIN, Role::PLATFORM_SUPPORT];
pub(super) const WRITERS: &[Role] = &[Role::PLATFORM_ADMIN];
/// Serves the calls about tenants.
#[derive(Clone)]
pub(crate) struct Tenants {
    pub(super) db: PublicDatabase,
    pub(super) provisioner: Provisioner,
}

impl Tenants {
    /// Makes tenants with `provisioner`.
    pub(crate) fn new(db: PublicDatabase, provisioner: Provisioner) -> Self {
        Self { db, provisioner }
    }

    pub(crate) async fn get(
        &self,
        ctx: &CallContext,
        request: proto::GetTenantRequest,
    ) -> Result<proto::Tenant, Error> {
        authorize(ctx, READERS, "tenants.read")?;
        let id = model::tenant_name(&request.name)?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let tenant = store::get(&tx, id).await;
        Ok(tx.finish(tenant).await?.into())
    }

    pub(crate) async fn lookup(
        &self,
        ctx: &CallContext,
        request: proto::LookupTenantRequest,
    ) -> Result<proto::Tenant, Error> {
        use proto::lookup_tenant_request::Key;
        authorize(ctx, READERS, "tenants.read")?;
        let mut checks = Checks::default();
        let key = request.key.unwrap_or_else(|| Key::Slug(String::new()));
        let (slug, domain) = match key {
            Key::Slug(text) => (checks.take(model::slug("slug", &text)), String::new()),
            Key::Domain(text) => {
                checks.text("domain", &text, 1, 253);
                (None, text.to_ascii_lowercase())
            }
        };
        checks.finish()?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let found = match slug {
            Some(slug) => store::by_slug(&tx, &slug).await,
            None => store::by_domain(&tx, &domain).await,
        };
        Ok(tx.finish(found).await?.into())
    }

    pub(crate) async fn list(
        &self,
        ctx: &CallContext,
        request: proto::ListTenantsRequest,
    ) -> Result<proto::ListTenantsResponse, Error> {
        authorize(ctx, READERS, "tenants.read")?;
        let page = PageRequest::parse(request.page_size, &request.page_token)?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let listed = store::list(&tx, &page).await;
        let mut rows = tx.finish(listed).await?;
        let next_page_token = page.finish(&mut rows, |row: &Tenant| {
            Cursor::behind(row.created, row.id.as_uuid())
        });
        Ok(proto::ListTenantsResponse {
            tenants: rows.into_iter().map(Into::into).collect(),
            next_page_token,
        })
    }

    pub(crate) async fn suspend(
        &self,
        ctx: &CallContext,
        request: proto::SuspendTenantRequest,
    ) -> Result<proto::Tenant, Error> {
        authorize(ctx, WRITERS, "tenants.write")?;
        let mut checks = Checks::default();
        let id = checks.take(model::tenant_name(&request.name));
        checks.text("reason", &request.reason, 0, 500);
        checks.finish()?;
        let id = id.ok_or(Error::Fault("a fault was not noted"))?;
        self.change(ctx, id, Transition::Suspend, &request.reason)
            .await
    }

    pub(crate) async fn resume(
        &self,
        ctx: &CallContext,
        request: proto::ResumeTenantRequest,
    ) -> Result<proto::Tenant, Error> {
        authorize(ctx, WRITERS, "tenants.write")?;
        let id = model::tenant_name(&request.name)?;
        self.change(ctx, id, Transition::Resume, "").await
    }

    /// Returns the slugs in use, at most a thousand.
    pub(crate) async fn slugs(&self) -> Result<Vec<String>, Error> {
        let tx = self.db.begin(None).await?;
        let slugs = store::slugs(&tx).await;
        tx.finish(slugs).await
    }

    /// Finds the tenant that holds a slug at present, outside any call.
    pub(crate) async fn holder(&self, slug: &str) -> Result<Option<Tenant>, Error> {
        let slug = model::slug("slug", slug).map_err(Error::Invalid)?;
        let tx = self.db.begin(None).await?;
        let found = store::by_slug(&tx, &slug).await;
        match tx.finish(found).await {
            Ok(tenant) => Ok(Some(tenant)),
            Err(Error::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Changes a tenant's state and, in the same transaction, raises the fence of
    /// its schema: contexts signed before the change open nothing any more.
    async fn change(
        &self,
        ctx: &CallContext,
        id: TenantId,
        transition: Transition,
        reason: &str,
    ) -> Result<proto::Tenant, Error> {
        let tx = self.db.begin(ctx.deadline()).await?;
        let changed = change_in(&tx, &Actor::of(ctx), id, transition, reason).await;
        Ok(tx.finish(changed).await?.into())
    }
}

async fn change_in(
    tx: &PublicTx,
    actor: &Actor,
    id: TenantId,
    transition: Transition,
    reason: &str,
) -> Result<Tenant, Error> {
    let seen = store::get(tx, id).await?;
    if seen.state != transition.from() {
        return Err(Error::TenantState(seen.state));
    }
    let changed = store::change_state(tx, &seen, transition.to()).await?;
    let tenant = changed.ok_or(Error::TenantChanged)?;
    // A suspended tenant's schema still takes what the gateway lets through for
    // suspended tenants; the epoch alone shuts the older contexts out.
    let fence = if tenant.read_only {
        Fence::ReadOnly
    } else {
        Fence::ReadWrite
    };
    migrations::set_fence(tx, id, tenant.epoch, fence).await?;
    let mut after = json!({"state": tenant.state.as_str(), "epoch": tenant.epoch});
    if !reason.is_empty() {
        after["reason"] = reason.into();
    }
    let event = Event {
        action: transition.action(),
        resource: id.resource_name(),
        tenant: Some(id),
        before: Some(json!({"state": seen.state.as_str(), "epoch": seen.epoch})),
        after: Some(after),
    };
    audit::record(tx, actor, event).await?;
    outbox::tenant_changed(tx, id).await?;
    Ok(tenant)
}

/// Makes sure that staff of the platform calls, in one of the roles.
pub(super) fn authorize(ctx: &CallContext, roles: &[Role], permission: &str) -> Result<(), Error> {
    ctx.platform()?;
    Ok(ctx.require(roles, permission)?)
}
