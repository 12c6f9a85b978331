//! The call by which an operator acts as somebody.

use resido_proto::{
    identity::{Role, Subject},
    identity_api::v1 as proto,
    ids::TenantId,
};
use resido_tenancy::{
    context::CallContext,
    db::{PublicDatabase, PublicTx},
};
use serde_json::json;

use super::{model::Ask, store};
use crate::{
    Error,
    audit::{self, Actor, Event},
    roles::{self, Grants},
    tokens::{Holder, Impersonator, Issuer},
    users::{self, Member},
};

/// Serves the call.
#[derive(Clone)]
pub(crate) struct Impersonations {
    db: PublicDatabase,
    issuer: Issuer,
}

impl Impersonations {
    /// Signs with `issuer`.
    pub(crate) fn new(db: PublicDatabase, issuer: Issuer) -> Self {
        Self { db, issuer }
    }

    /// Issues a token by which the caller acts as a member of a tenant, for a while
    /// and for a reason that the tenant can read.
    pub(crate) async fn impersonate(
        &self,
        ctx: &CallContext,
        request: proto::ImpersonateUserRequest,
    ) -> Result<proto::ImpersonateUserResponse, Error> {
        ctx.platform()?;
        ctx.require(&[Role::PLATFORM_ADMIN], "users.impersonate")?;
        // Who acts as somebody cannot act as a third.
        if ctx.principal().actor.is_some() {
            return Err(Error::Impersonated);
        }
        let ask = Ask::parse(request)?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let entered = enter(&tx, ctx, &ask).await;
        let (tenant, member, grants, actor) = tx.finish(entered).await?;
        let holder = Holder {
            user: member.person.id,
            tenant: Some(tenant),
            epoch: member.membership.epoch,
            roles: member.membership.roles.clone(),
            grants,
            actor: Some(actor),
        };
        Ok(proto::ImpersonateUserResponse {
            access_token: self.issuer.issue_for(ask.seconds, holder)?,
            token_type: "Bearer".to_owned(),
            expires_in: i32::try_from(ask.seconds).unwrap_or(i32::MAX),
            user: Some(member.into()),
        })
    }
}

async fn enter(
    tx: &PublicTx,
    ctx: &CallContext,
    ask: &Ask,
) -> Result<(TenantId, Member, Grants, Impersonator), Error> {
    let tenant = store::tenant(tx, &ask.tenant).await?;
    let user = store::member(tx, tenant, &ask.person).await?;
    let member = users::member(tx, tenant, user).await?;
    let grants = roles::granted(tx, tenant, &member.membership.roles).await?;
    let subject = user.resource_name();
    let actor = Actor {
        behalf_of: Some(subject.clone()),
        ..Actor::of(ctx)
    };
    let event = Event {
        action: "users.impersonate",
        resource: subject,
        tenant: Some(tenant),
        before: None,
        after: Some(json!({"reason": ask.reason, "seconds": ask.seconds})),
    };
    audit::record(tx, &actor, event).await?;
    let operator = ctx.principal().subject.clone();
    let epoch = match operator {
        Subject::User(operator) => store::staff_epoch(tx, operator).await?,
        _ => 0,
    };
    let impersonator = Impersonator {
        subject: operator,
        epoch,
    };
    Ok((tenant, member, grants, impersonator))
}
