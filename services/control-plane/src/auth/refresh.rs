//! Going on with a log-in, and ending it.

use resido_proto::{
    identity_api::v1 as proto,
    ids::{TenantId, UserId},
    validate::Checks,
};
use resido_tenancy::{context::CallContext, db::PublicTx};
use serde_json::json;

use super::{
    service::{Auth, Entered},
    store,
};
use crate::{
    Error,
    audit::{self, Actor, Event},
    outbox,
    sessions::{self, Renewed, Session},
    tokens, users,
};

impl Auth {
    /// Changes a refresh token for an access token and the next refresh token.
    /// Roles and states are read as they are now; where they let nobody in, the
    /// token stays good.
    pub(crate) async fn refresh(
        &self,
        ctx: &CallContext,
        request: proto::RefreshRequest,
    ) -> Result<proto::LoginResponse, Error> {
        self.guard.refresh(ctx)?;
        let mut checks = Checks::default();
        let given = !request.refresh_token.is_empty();
        checks.require(given, "refresh_token", "is required");
        checks.finish()?;
        let token = tokens::hash_of(&request.refresh_token).ok_or(Error::RefreshToken)?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let renewed = self.renew(&tx, ctx, &token).await;
        let entered = tx.finish(renewed).await?;
        self.admit(entered.ok_or(Error::RefreshToken)?)
    }

    /// Ends the log-in that a token belongs to, or all of its person's; a token that
    /// was used ends no more than its own. Whatever the token is, the answer is the
    /// same.
    pub(crate) async fn logout(
        &self,
        ctx: &CallContext,
        request: proto::LogoutRequest,
    ) -> Result<(), Error> {
        let mut checks = Checks::default();
        let given = !request.refresh_token.is_empty();
        checks.require(given, "refresh_token", "is required");
        checks.finish()?;
        let Some(token) = tokens::hash_of(&request.refresh_token) else {
            return Ok(());
        };
        let tx = self.db.begin(ctx.deadline()).await?;
        let ended = async {
            let Some(session) = sessions::find(&tx, &token).await? else {
                return Ok(());
            };
            let everywhere = request.everywhere && !session.is_spent;
            if everywhere {
                sessions::revoke_user(&tx, session.user).await?;
            } else {
                sessions::revoke_family(&tx, &session).await?;
            }
            let event = Event {
                action: "auth.logout",
                resource: session.user.resource_name(),
                tenant: session.tenant,
                before: None,
                after: Some(json!({"everywhere": everywhere})),
            };
            audit::record(&tx, &Actor::person(session.user, ctx), event).await?;
            if everywhere {
                outbox::person_changed(&tx, session.user).await?;
            }
            Ok(())
        };
        let ended = ended.await;
        tx.finish(ended).await
    }

    /// Returns nothing for a token that is not good: what that has ended must be
    /// committed, and so is no error of the transaction.
    async fn renew(
        &self,
        tx: &PublicTx,
        ctx: &CallContext,
        token: &[u8],
    ) -> Result<Option<Entered>, Error> {
        let Some(session) = sessions::find(tx, token).await? else {
            return Ok(None);
        };
        sessions::hold(tx, session.user, session.tenant).await?;
        let refresh_token = match sessions::renew(tx, token, self.lives).await? {
            Renewed::Next(token) => token,
            Renewed::Void => return Ok(None),
            Renewed::Again => {
                tracing::warn!(
                    user.id = %session.user,
                    "a refresh token came twice; its log-in has ended"
                );
                sessions::revoke_family(tx, &session).await?;
                reused(tx, ctx, &session).await?;
                return Ok(None);
            }
        };
        let whose = (session.user, session.tenant);
        go_on(tx, whose, refresh_token).await.map(Some)
    }
}

/// Records that a token came twice: whose log-in ended, which, and where the second
/// came from. Who brought it is not known.
async fn reused(tx: &PublicTx, ctx: &CallContext, session: &Session) -> Result<(), Error> {
    let client = ctx.client().map(|client| client.to_string());
    let event = Event {
        action: "auth.refresh_reuse",
        resource: session.user.resource_name(),
        tenant: session.tenant,
        before: None,
        after: Some(json!({"session": session.family.to_string(), "client": client})),
    };
    audit::record(tx, &Actor::of(ctx), event).await
}

/// Reads who goes on with a log-in, and where it leads now.
pub(super) async fn go_on(
    tx: &PublicTx,
    (user, tenant): (UserId, Option<TenantId>),
    refresh_token: String,
) -> Result<Entered, Error> {
    let known = users::person_by_id(tx, user).await?;
    let (person, _) = known.ok_or(Error::RefreshToken)?;
    let way = store::way(tx, user, tenant).await?;
    Ok(Entered {
        grants: store::grants(tx, &way).await?,
        person,
        way,
        refresh_token,
    })
}
