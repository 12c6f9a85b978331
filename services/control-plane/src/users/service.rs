//! The calls about people.

use resido_proto::{
    email::Email,
    identity::Role,
    identity_api::v1 as proto,
    ids::{TenantId, UserId},
};
use resido_tenancy::{
    context::CallContext,
    db::{Ask, PublicDatabase, PublicTx},
};
use serde_json::json;

use super::{
    listing::LISTING,
    model::{Member, Registration, Who},
    store::{self, Spent},
};
use crate::{
    Error,
    attempts::Guard,
    audit::{self, Actor, Event},
    fence,
    mail::Post,
    outbox,
    passwords::Hasher,
};

const READ: &str = "users.read";

/// Serves the calls about people.
#[derive(Clone)]
pub(crate) struct Users {
    pub(super) db: PublicDatabase,
    hasher: Hasher,
    pub(super) guard: Guard,
    pub(super) post: Post,
}

/// A password that was checked or hashed before the transaction.
struct Proven {
    /// The tenant that the token opened when it was looked at.
    tenant: TenantId,
    /// The person, if there is one already.
    person: Option<UserId>,
    /// The hash that is stored, or will be.
    hash: String,
}

impl Users {
    /// Hashes passwords with `hasher`, checks them with `guard`, and tells `post` of
    /// mails.
    pub(crate) fn new(db: PublicDatabase, hasher: Hasher, guard: Guard, post: Post) -> Self {
        Self {
            db,
            hasher,
            guard,
            post,
        }
    }

    /// Makes the holder of an activation token a member. Whatever is wrong with
    /// the token, the address or an existing account's password, the answer is
    /// the same.
    pub(crate) async fn register(
        &self,
        ctx: &CallContext,
        request: proto::RegisterUserRequest,
    ) -> Result<proto::User, Error> {
        self.guard.token_call(ctx)?;
        let registration = Registration::parse(request)?;
        let proven = self.prove(ctx, &registration).await?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let registered = register_in(&tx, ctx, &registration, &proven).await;
        Ok(tx.finish(registered).await?.into())
    }

    pub(crate) async fn get(
        &self,
        ctx: &CallContext,
        request: proto::GetUserRequest,
    ) -> Result<proto::User, Error> {
        let tenant = ctx.tenant()?;
        ctx.require(&[], READ)?;
        let user = Who::parse(&request.name)?.of(ctx)?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let work = async {
            fence::check(&tx, &tenant).await?;
            store::get(&tx, tenant.id(), user).await
        };
        let found = work.await;
        Ok(tx.finish(found).await?.into())
    }

    pub(crate) async fn list(
        &self,
        ctx: &CallContext,
        request: proto::ListUsersRequest,
    ) -> Result<proto::ListUsersResponse, Error> {
        let tenant = ctx.tenant()?;
        ctx.require(&[Role::OWNER, Role::ADMIN, Role::MEMBER], READ)?;
        let page = LISTING.request(Ask {
            page_size: request.page_size,
            page_token: &request.page_token,
            filter: &request.filter,
            order_by: &request.order_by,
        })?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let work = async {
            fence::check(&tx, &tenant).await?;
            store::list(&tx, tenant.id(), &page).await
        };
        let listed = work.await;
        let (rows, next_page_token) = tx.finish(listed).await?;
        Ok(proto::ListUsersResponse {
            users: rows.into_iter().map(Into::into).collect(),
            next_page_token,
        })
    }

    /// Looks at the token first, so that nobody without one can make us hash;
    /// then hashes the password, or checks it where the person has an account.
    async fn prove(&self, ctx: &CallContext, registration: &Registration) -> Result<Proven, Error> {
        let token = registration
            .token
            .as_deref()
            .ok_or(Error::ActivationToken)?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let looked = look(&tx, token, &registration.email).await;
        let (tenant, known) = tx.finish(looked).await?;
        let password = registration.password.clone();
        let (person, hash) = known.unzip();
        let hash = match hash {
            None => self.hasher.hash(password).await?,
            Some(hash) => {
                let proof = Some(hash.clone());
                let proven = self.guard.prove(ctx, &registration.email, password, proof);
                if !proven.await? {
                    return Err(Error::ActivationToken);
                }
                hash
            }
        };
        Ok(Proven {
            tenant,
            person,
            hash,
        })
    }
}

/// Returns the tenant that the token opens, and the person if there is one, with
/// the password's hash.
async fn look(
    tx: &PublicTx,
    token: &[u8],
    email: &Email,
) -> Result<(TenantId, Option<(UserId, String)>), Error> {
    let tenant = store::tenant_of_token(tx, token, email).await?;
    let tenant = tenant.ok_or(Error::ActivationToken)?;
    let known = store::person_by_email(tx, email).await?;
    Ok((tenant, known.map(|(person, hash)| (person.id, hash))))
}

async fn register_in(
    tx: &PublicTx,
    ctx: &CallContext,
    registration: &Registration,
    proven: &Proven,
) -> Result<Member, Error> {
    let token = registration
        .token
        .as_deref()
        .ok_or(Error::ActivationToken)?;
    let tenant = proven.tenant;
    let spent = store::use_token(tx, tenant, token, &registration.email).await?;
    let Spent { roles, by_mail } = spent.ok_or(Error::ActivationToken)?;
    let user = match proven.person {
        None => store::insert(tx, &registration.email, &proven.hash, &registration.names).await?,
        Some(person) if store::still_has(tx, person, &proven.hash).await? => person,
        Some(_) => return Err(Error::ActivationToken),
    };
    if !store::join(tx, user, tenant, &roles).await? {
        return Err(Error::ActivationToken);
    }
    if by_mail {
        store::verified(tx, user).await?;
    }
    let event = Event {
        action: "users.register",
        resource: user.resource_name(),
        tenant: Some(tenant),
        before: None,
        after: Some(json!({"roles": roles, "state": "active"})),
    };
    audit::record(tx, &Actor::person(user, ctx), event).await?;
    let member = store::get(tx, tenant, user).await?;
    outbox::membership_changed(tx, tenant, user).await?;
    Ok(member)
}
