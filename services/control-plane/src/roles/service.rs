//! The calls about roles.

use resido_proto::{
    identity::Role as Name,
    identity_api::v1 as proto,
    page::{Cursor, PageRequest},
};
use resido_tenancy::{
    context::{self, CallContext, TenantContext},
    db::{PublicDatabase, PublicTx},
};
use serde_json::{Value, json};

use super::{
    authority::Authority,
    given,
    model::{Change, Draft, Role, RoleId},
    permissions::Permissions,
    store,
    withdraw::withdraw_of_givers,
};
use crate::{
    Error,
    audit::{self, Actor, Event},
    fence, outbox,
};

const GOVERN: [Name; 2] = [Name::OWNER, Name::ADMIN];
const READ: &str = "roles.read";
const WRITE: &str = "roles.write";

/// Serves the calls about roles.
#[derive(Clone)]
pub(crate) struct Roles {
    db: PublicDatabase,
    permissions: Permissions,
}

impl Roles {
    /// Lets roles have such permissions.
    pub(crate) fn new(db: PublicDatabase, permissions: Permissions) -> Self {
        Self { db, permissions }
    }

    pub(crate) async fn create(
        &self,
        ctx: &CallContext,
        request: proto::CreateRoleRequest,
    ) -> Result<proto::Role, Error> {
        let tenant = ctx.tenant()?;
        ctx.require(&GOVERN, WRITE)?;
        given::refuse_impersonated(ctx)?;
        let (id, draft) = Draft::parse(request, &self.permissions)?;
        may_permit(ctx, &draft.permissions)?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let work = async {
            fence::lock(&tx, &tenant).await?;
            let role = store::insert(&tx, tenant.id(), &id, &draft).await?;
            record(&tx, ctx, &tenant, ("roles.create", None, Some(&role))).await?;
            Ok(role)
        };
        let created: Result<_, Error> = work.await;
        Ok(tx.finish(created).await?.into())
    }

    pub(crate) async fn get(
        &self,
        ctx: &CallContext,
        request: proto::GetRoleRequest,
    ) -> Result<proto::Role, Error> {
        let tenant = ctx.tenant()?;
        ctx.require(&GOVERN, READ)?;
        let id = RoleId::of_name("name", &request.name)?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let work = async {
            fence::check(&tx, &tenant).await?;
            store::get(&tx, tenant.id(), &id).await
        };
        let found = work.await;
        Ok(tx.finish(found).await?.into())
    }

    pub(crate) async fn list(
        &self,
        ctx: &CallContext,
        request: proto::ListRolesRequest,
    ) -> Result<proto::ListRolesResponse, Error> {
        let tenant = ctx.tenant()?;
        ctx.require(&GOVERN, READ)?;
        let page = PageRequest::parse(request.page_size, &request.page_token)?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let work = async {
            fence::check(&tx, &tenant).await?;
            store::list(&tx, tenant.id(), &page).await
        };
        let listed = work.await;
        let mut rows = tx.finish(listed).await?;
        let next_page_token = page.finish(&mut rows, |role| Cursor::behind(role.created, role.row));
        Ok(proto::ListRolesResponse {
            roles: rows.into_iter().map(Into::into).collect(),
            next_page_token,
        })
    }

    /// Changes a role. Where it permits other things now, the tokens of its holders
    /// are void, and what they gave and may not give any more has ended.
    pub(crate) async fn update(
        &self,
        ctx: &CallContext,
        request: proto::UpdateRoleRequest,
    ) -> Result<proto::Role, Error> {
        let tenant = ctx.tenant()?;
        ctx.require(&GOVERN, WRITE)?;
        given::refuse_impersonated(ctx)?;
        let change = Change::parse(request, &self.permissions)?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let updated = update_in(&tx, ctx, &tenant, change).await;
        Ok(tx.finish(updated).await?.into())
    }

    pub(crate) async fn delete(
        &self,
        ctx: &CallContext,
        request: proto::DeleteRoleRequest,
    ) -> Result<(), Error> {
        let tenant = ctx.tenant()?;
        ctx.require(&GOVERN, WRITE)?;
        let id = RoleId::of_name("name", &request.name)?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let work = async {
            fence::lock(&tx, &tenant).await?;
            let role = store::lock(&tx, tenant.id(), &id).await?;
            given::may_touch(&tx, ctx, tenant.id(), &[role.name()]).await?;
            role.check(&request.etag)?;
            if store::is_held(&tx, tenant.id(), &id).await? {
                return Err(Error::RoleInUse);
            }
            store::delete(&tx, tenant.id(), &id).await?;
            record(&tx, ctx, &tenant, ("roles.delete", Some(&role), None)).await
        };
        let deleted = work.await;
        tx.finish(deleted).await
    }
}

async fn update_in(
    tx: &PublicTx,
    ctx: &CallContext,
    tenant: &TenantContext,
    change: Change,
) -> Result<Role, Error> {
    fence::lock(tx, tenant).await?;
    let id = change.id.clone();
    let old = store::lock(tx, tenant.id(), &id).await?;
    old.check(&change.etag)?;
    let draft = change.of(&old);
    let permits_others = draft.permissions != old.permissions;
    if !permits_others && draft.display_name == old.display_name {
        return Ok(old);
    }
    // Who could not give it takes nothing from it either, not even its name.
    given::may_touch(tx, ctx, tenant.id(), &[old.name()]).await?;
    if permits_others {
        may_permit(ctx, &draft.permissions)?;
    }
    let role = store::update(tx, tenant.id(), &id, &draft).await?;
    let what = ("roles.update", Some(&old), Some(&role));
    record(tx, ctx, tenant, what).await?;
    if permits_others {
        let keys = withdraw_of_givers(tx, tenant, &id).await?;
        store::renew_holders(tx, tenant.id(), &id).await?;
        outbox::api_keys_changed(tx, tenant.id(), &keys).await?;
    }
    Ok(role)
}

/// Makes sure that the caller holds what a role is to permit.
fn may_permit(ctx: &CallContext, permissions: &[String]) -> Result<(), Error> {
    if Authority::to_give(ctx.principal()).holds_all(permissions) {
        Ok(())
    } else {
        Err(context::Error::NotAllowed.into())
    }
}

async fn record(
    tx: &PublicTx,
    ctx: &CallContext,
    tenant: &TenantContext,
    (action, before, after): (&'static str, Option<&Role>, Option<&Role>),
) -> Result<(), Error> {
    let id = before.or(after).map(|role| role.id.as_str());
    let event = Event {
        action,
        resource: format!("roles/{}", id.unwrap_or_default()),
        tenant: Some(tenant.id()),
        before: before.map(shown),
        after: after.map(shown),
    };
    audit::record(tx, &Actor::of(ctx), event).await
}

fn shown(role: &Role) -> Value {
    json!({"display_name": role.display_name, "permissions": role.permissions})
}
