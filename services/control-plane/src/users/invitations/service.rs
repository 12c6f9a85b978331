//! The calls about invitations.

use resido_proto::{
    email::Email,
    identity::Role,
    identity_api::v1 as proto,
    page::{Cursor, PageRequest},
};
use resido_tenancy::{
    context::{CallContext, TenantContext},
    db::PublicTx,
};
use serde_json::json;
use uuid::Uuid;

use super::{
    model::{Invitation, Offer, Standing, id_of},
    store,
};
use crate::{
    Error,
    attempts::Invited,
    audit::{self, Actor, Event},
    fence,
    mail::{self, Kind},
    roles,
    users::Users,
};

const GOVERN: [Role; 2] = [Role::OWNER, Role::ADMIN];
const READ: &str = "users.read";
const WRITE: &str = "users.write";

impl Users {
    /// Invites a person by mail. An open invitation of the same address becomes
    /// this one, and its token is void; who may not withdraw that one cannot.
    pub(crate) async fn invite(
        &self,
        ctx: &CallContext,
        request: proto::InviteUserRequest,
    ) -> Result<proto::Invitation, Error> {
        let tenant = ctx.tenant()?;
        ctx.require(&GOVERN, WRITE)?;
        roles::refuse_impersonated(ctx)?;
        let offer = Offer::parse(request)?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let work = async {
            fence::lock(&tx, &tenant).await?;
            roles::may_give(&tx, ctx, tenant.id(), ("roles", &offer.roles)).await?;
            if store::is_member(&tx, tenant.id(), &offer.email).await? {
                return Err(Error::MemberExists);
            }
            let offered = store::offered(&tx, tenant.id(), &offer.email).await?;
            roles::may_touch(&tx, ctx, tenant.id(), &offered).await?;
            let inviter = ctx.principal().subject.to_string();
            let invitation = store::offer(&tx, tenant.id(), inviter, &offer).await?;
            self.send(&tx, &tenant, &invitation).await?;
            record(&tx, &tenant, "users.invite", &invitation).await?;
            Ok(invitation)
        };
        let invited: Result<_, Error> = work.await;
        let invitation = tx.finish(invited).await?;
        self.post.wake();
        Ok(invitation.into())
    }

    pub(crate) async fn list_invitations(
        &self,
        ctx: &CallContext,
        request: proto::ListInvitationsRequest,
    ) -> Result<proto::ListInvitationsResponse, Error> {
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
        let next_page_token = page.finish(&mut rows, |row| Cursor::behind(row.created, row.id));
        Ok(proto::ListInvitationsResponse {
            invitations: rows.into_iter().map(Into::into).collect(),
            next_page_token,
        })
    }

    /// Sends an invitation again, for as long again. Who could not give its roles
    /// cannot.
    pub(crate) async fn resend_invitation(
        &self,
        ctx: &CallContext,
        request: proto::ResendInvitationRequest,
    ) -> Result<proto::Invitation, Error> {
        let tenant = ctx.tenant()?;
        ctx.require(&GOVERN, WRITE)?;
        roles::refuse_impersonated(ctx)?;
        let id = id_of(&request.name)?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let work = async {
            fence::lock(&tx, &tenant).await?;
            let old = store::get(&tx, tenant.id(), id).await?;
            roles::may_give(&tx, ctx, tenant.id(), ("name", &old.roles)).await?;
            let renewed = store::renew(&tx, tenant.id(), id).await?;
            let invitation = renewed.ok_or(Error::InvitationOver)?;
            self.send(&tx, &tenant, &invitation).await?;
            record(&tx, &tenant, "invitations.resend", &invitation).await?;
            Ok(invitation)
        };
        let sent: Result<_, Error> = work.await;
        let invitation = tx.finish(sent).await?;
        self.post.wake();
        Ok(invitation.into())
    }

    /// Withdraws an invitation; one that is withdrawn already stays so.
    pub(crate) async fn revoke_invitation(
        &self,
        ctx: &CallContext,
        request: proto::RevokeInvitationRequest,
    ) -> Result<proto::Invitation, Error> {
        let tenant = ctx.tenant()?;
        ctx.require(&GOVERN, WRITE)?;
        let id = id_of(&request.name)?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let revoked = revoke_in(&tx, &tenant, id).await;
        Ok(tx.finish(revoked).await?.into())
    }

    /// Voids what tokens there are, and asks for a mail with another.
    async fn send(
        &self,
        tx: &PublicTx,
        tenant: &TenantContext,
        invitation: &Invitation,
    ) -> Result<(), Error> {
        store::void(tx, invitation.id).await?;
        let email = Email::parse("email", &invitation.email)?;
        let sender = tenant.call().principal().subject.to_string();
        let invited = Invited::by(tenant.id(), &sender, &email);
        invited.admit(tx, self.guard.limits()).await?;
        let kind = Kind::Invitation {
            tenant: tenant.id(),
            invitation: invitation.id,
        };
        mail::enqueue(tx, &email, kind).await
    }
}

async fn revoke_in(tx: &PublicTx, tenant: &TenantContext, id: Uuid) -> Result<Invitation, Error> {
    fence::lock(tx, tenant).await?;
    let old = store::get(tx, tenant.id(), id).await?;
    if old.standing == Standing::Revoked {
        return Ok(old);
    }
    roles::may_touch(tx, tenant.call(), tenant.id(), &old.roles).await?;
    let revoked = store::revoke(tx, tenant.id(), id).await?;
    let invitation = revoked.ok_or(Error::InvitationOver)?;
    store::void(tx, id).await?;
    record(tx, tenant, "invitations.revoke", &invitation).await?;
    Ok(invitation)
}

async fn record(
    tx: &PublicTx,
    tenant: &TenantContext,
    action: &'static str,
    invitation: &Invitation,
) -> Result<(), Error> {
    let roles: Vec<_> = invitation.roles.iter().map(ToString::to_string).collect();
    let event = Event {
        action,
        resource: invitation.name(),
        tenant: Some(tenant.id()),
        before: None,
        after: Some(json!({"roles": roles})),
    };
    audit::record(tx, &Actor::of(tenant.call()), event).await
}
