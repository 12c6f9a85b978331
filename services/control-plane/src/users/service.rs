//! The calls about people.

use resido_proto::{
    identity::{Role, Subject},
    identity_api::v1 as proto,
    ids::{TenantId, UserId},
    page::{Cursor, PageRequest},
};
use resido_tenancy::{
    context::CallContext,
    db::{PublicDatabase, PublicTx},
};
use serde_json::json;

use super::{
    model::{Member, Registration, Who},
    store,
};
use crate::{
    Error,
    attempts::Guard,
    audit::{self, Actor, Event},
    email::Email,
    outbox,
    passwords::Hasher,
};

const READ: &str = "users.read";

/// Serves the calls about people.
#[derive(Clone)]
pub(crate) struct Users {
    db: PublicDatabase,
    hasher: Hasher,
    guard: Guard,
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
    /// Hashes passwords with `hasher`, and checks them with `guard`.
    pub(crate) fn new(db: PublicDatabase, hasher: Hasher, guard: Guard) -> Self {
        Self { db, hasher, guard }
    }

    /// Makes the holder of an activation token a member. Whatever is wrong with
    /// the token, the address or an existing account's password, the answer is
    /// the same.
    pub(crate) async fn register(
        &self,
        ctx: &CallContext,
        request: proto::RegisterUserRequest,
    ) -> Result<proto::User, Error> {
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
        let user = match (Who::parse(&request.name)?, &ctx.principal().subject) {
            (Who::User(user), _) => user,
            (Who::Me, Subject::User(user)) => *user,
            (Who::Me, _) => return Err(Error::NotFound("user")),
        };
        let tx = self.db.begin(ctx.deadline()).await?;
        let work = async {
            store::fence(&tx, tenant.id(), tenant.epoch()).await?;
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
        let page = PageRequest::parse(request.page_size, &request.page_token)?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let work = async {
            store::fence(&tx, tenant.id(), tenant.epoch()).await?;
            store::list(&tx, tenant.id(), &page).await
        };
        let listed = work.await;
        let mut rows = tx.finish(listed).await?;
        let next_page_token = page.finish(&mut rows, |row: &Member| {
            Cursor::behind(row.membership.created, row.person.id.as_uuid())
        });
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
    let roles = store::use_token(tx, tenant, token, &registration.email).await?;
    let roles = roles.ok_or(Error::ActivationToken)?;
    let user = match proven.person {
        None => store::insert(tx, &registration.email, &proven.hash, &registration.names).await?,
        Some(person) if store::still_has(tx, person, &proven.hash).await? => person,
        Some(_) => return Err(Error::ActivationToken),
    };
    if !store::join(tx, user, tenant, &roles).await? {
        return Err(Error::ActivationToken);
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
