//! Using the tokens that mails bring, and changing one's own password.

use resido_proto::{
    email::Email,
    identity::Subject,
    identity_api::v1 as proto,
    ids::{TenantId, UserId},
    validate::Checks,
};
use resido_tenancy::{
    context::{CallContext, TenantContext},
    db::PublicTx,
};
use secrecy::SecretString;

use super::{
    once,
    refresh::go_on,
    service::{Auth, Entered},
    store,
};
use crate::{
    Error,
    attempts::Attempt,
    audit::{self, Actor, Event},
    fence,
    mail::{self, Kind},
    outbox, passwords, sessions, tokens, users,
};

const WRITE: &str = "profile.write";

/// A change of one's own password, read from a request.
struct Change {
    current: SecretString,
    new: SecretString,
}

/// A password whose owner has proved the one before.
struct Changed {
    user: UserId,
    tenant: Option<TenantId>,
    email: Email,
    /// Hashes of both.
    old: String,
    new: String,
}

impl Change {
    fn parse(request: proto::ChangePasswordRequest) -> Result<Self, Error> {
        let mut checks = Checks::default();
        let current = passwords::given("current_password", request.current_password);
        let current = checks.take(current);
        let new = checks.take(passwords::new("new_password", request.new_password));
        checks.finish()?;
        match (current, new) {
            (Some(current), Some(new)) => Ok(Self { current, new }),
            _ => Err(Error::Fault("a checked request has no passwords")),
        }
    }
}

impl Auth {
    /// Sets a new password with the token of a mail. All log-ins end, and the
    /// address counts as proved.
    pub(crate) async fn reset_password(
        &self,
        ctx: &CallContext,
        request: proto::ResetPasswordRequest,
    ) -> Result<(), Error> {
        self.guard.token_call(ctx)?;
        let mut checks = Checks::default();
        checks.require(!request.token.is_empty(), "token", "is required");
        let password = checks.take(passwords::new("new_password", request.new_password));
        checks.finish()?;
        let password = password.ok_or(Error::Fault("a checked request has no password"))?;
        // First the token: nobody without one makes us hash.
        let token = self.token(ctx, &request.token, Kind::ResetPassword).await?;
        let hash = self.hasher.hash(password).await?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let reset = reset_in(&tx, ctx, &token, &hash).await;
        tx.finish(reset).await?;
        self.post.wake();
        Ok(())
    }

    /// Proves an address with the token of a mail.
    pub(crate) async fn verify_email(
        &self,
        ctx: &CallContext,
        request: proto::VerifyEmailRequest,
    ) -> Result<(), Error> {
        self.guard.token_call(ctx)?;
        let mut checks = Checks::default();
        checks.require(!request.token.is_empty(), "token", "is required");
        checks.finish()?;
        let token = self.token(ctx, &request.token, Kind::VerifyEmail).await?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let work = async {
            let user = once::spend(&tx, &token, Kind::VerifyEmail).await?;
            users::verified(&tx, user).await?;
            let event = about("auth.verify_email", user);
            audit::record(&tx, &Actor::person(user, ctx), event).await
        };
        let verified = work.await;
        tx.finish(verified).await
    }

    /// Changes the caller's own password. All log-ins end, and another begins for
    /// the caller, who stays where they are: in a tenant or on the platform.
    pub(crate) async fn change_password(
        &self,
        ctx: &CallContext,
        request: proto::ChangePasswordRequest,
    ) -> Result<proto::LoginResponse, Error> {
        let tenant = place(ctx)?;
        ctx.require(&[], WRITE)?;
        let user = own(ctx, &request.name)?;
        let change = Change::parse(request)?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let known = find(&tx, tenant.as_ref(), user).await;
        let (person, old) = tx.finish(known).await?;
        let email = Email::parse("email", &person.email)?;
        let proof = Some(old.clone());
        if !self.guard.prove(ctx, &email, change.current, proof).await? {
            let mut checks = Checks::default();
            checks.require(false, "current_password", "is wrong");
            checks.finish()?;
        }
        let new = Changed {
            user,
            tenant: tenant.map(|tenant| tenant.id()),
            email,
            old,
            new: self.hasher.hash(change.new).await?,
        };
        let tx = self.db.begin(ctx.deadline()).await?;
        let changed = self.change_in(&tx, ctx, &new).await;
        let entered = tx.finish(changed).await?;
        self.post.wake();
        self.admit(entered)
    }

    async fn change_in(
        &self,
        tx: &PublicTx,
        ctx: &CallContext,
        new: &Changed,
    ) -> Result<Entered, Error> {
        let (user, tenant) = (new.user, new.tenant);
        sessions::hold(tx, user, tenant).await?;
        sessions::revoke_user(tx, user).await?;
        if !store::change_password(tx, user, &new.old, &new.new).await? {
            return Err(Error::Raced);
        }
        once::void(tx, user, Kind::ResetPassword).await?;
        let mut event = about("users.change_password", user);
        event.tenant = tenant;
        audit::record(tx, &Actor::of(ctx), event).await?;
        mail::enqueue(tx, &new.email, Kind::PasswordChanged).await?;
        let token = sessions::begin(tx, user, tenant, self.lives).await?;
        let entered = go_on(tx, (user, tenant), token).await?;
        outbox::person_changed(tx, user).await?;
        Ok(entered)
    }

    /// Makes sure that a text is a token which is good at present, and counts it
    /// where it is not.
    async fn token(&self, ctx: &CallContext, text: &str, kind: Kind) -> Result<Vec<u8>, Error> {
        let attempt = Attempt::from(ctx.client());
        let token = tokens::hash_of(text);
        let tx = self.db.begin(ctx.deadline()).await?;
        let work = async {
            attempt.check(&tx, self.guard.limits()).await?;
            let Some(token) = token else {
                return Ok(None);
            };
            match once::find(&tx, &token, kind).await {
                Ok(_) => Ok(Some(token)),
                Err(Error::Token) => Ok(None),
                Err(error) => Err(error),
            }
        };
        let found = match work.await {
            // Counted in the same transaction, which an error would undo.
            Ok(None) => attempt.failed(&tx).await.map(|()| None),
            found => found,
        };
        tx.finish(found).await?.ok_or(Error::Token)
    }
}

async fn reset_in(tx: &PublicTx, ctx: &CallContext, token: &[u8], hash: &str) -> Result<(), Error> {
    // The person's row is locked before the token's, as everywhere.
    let user = once::find(tx, token, Kind::ResetPassword).await?;
    sessions::revoke_user(tx, user).await?;
    once::spend(tx, token, Kind::ResetPassword).await?;
    once::void(tx, user, Kind::ResetPassword).await?;
    let email = store::reset_password(tx, user, hash).await?;
    let email = Email::parse("email", &email)?;
    Attempt::on(&email, ctx.client()).succeeded(tx).await?;
    let event = about("auth.reset_password", user);
    audit::record(tx, &Actor::person(user, ctx), event).await?;
    mail::enqueue(tx, &email, Kind::PasswordChanged).await?;
    outbox::person_changed(tx, user).await
}

/// Returns the caller's tenant; none for the platform's people.
fn place(ctx: &CallContext) -> Result<Option<TenantContext>, Error> {
    if let Ok(tenant) = ctx.tenant() {
        return Ok(Some(tenant));
    }
    ctx.platform()?;
    Ok(None)
}

/// Reads the caller, and the hash of the password.
async fn find(
    tx: &PublicTx,
    tenant: Option<&TenantContext>,
    user: UserId,
) -> Result<(users::Person, String), Error> {
    if let Some(tenant) = tenant {
        fence::check(tx, tenant).await?;
    }
    let known = users::person_by_id(tx, user).await?;
    known.ok_or(Error::NotFound("user"))
}

/// Returns the caller, if a name is the caller's own.
///
/// # Errors
/// [`Error::Impersonated`] where an operator acts as the person;
/// [`Error::SelfOnly`] for other people, and for API keys, which have no password.
fn own(ctx: &CallContext, name: &str) -> Result<UserId, Error> {
    let principal = ctx.principal();
    if principal.actor.is_some() {
        return Err(Error::Impersonated);
    }
    let who = users::Who::parse(name)?;
    match (&principal.subject, who) {
        (Subject::User(caller), users::Who::Me) => Ok(*caller),
        (Subject::User(caller), users::Who::User(user)) if *caller == user => Ok(user),
        _ => Err(Error::SelfOnly),
    }
}

fn about(action: &'static str, user: UserId) -> Event {
    Event {
        action,
        resource: user.resource_name(),
        tenant: None,
        before: None,
        after: None,
    }
}
