//! People and memberships in the control plane's tables.

use std::time::SystemTime;

use resido_proto::{
    email::Email,
    ids::{TenantId, UserId},
};
use resido_tenancy::db::{ListRequest, PublicTx, Row, params};
use uuid::Uuid;

use super::{
    invitations,
    listing::LISTING,
    model::{Member, Membership, Names, Person, roles},
};
use crate::{Error, row::column};

/// Puts the columns of a member into a query on `users u` and `memberships m`.
macro_rules! member {
    ($rest:literal) => {
        concat!(
            "select u.id, u.email, u.first_name, u.last_name, u.phone, u.last_login_time,
                    u.create_time, u.revision, u.email_verify_time,
                    m.roles, m.state, m.epoch, m.create_time as member_since
               from memberships m join users u on u.id = m.user_id ",
            $rest
        )
    };
}

const GET: &str = member!("where m.tenant_id = $1 and m.user_id = $2");
const BY_EMAIL: &str = "
    select id, email, password_hash, first_name, last_name, phone, last_login_time, create_time,
           revision, email_verify_time
      from users
     where email = $1";
const BY_ID: &str = "
    select id, email, password_hash, first_name, last_name, phone, last_login_time, create_time,
           revision, email_verify_time
      from users
     where id = $1";
const INSERT: &str = "
    insert into users (id, email, password_hash, first_name, last_name, phone)
    values ($1, $2, $3, $4, $5, $6)";
const CONFIRM: &str = "
    select 1 as one from users where id = $1 and password_hash = $2 for share";
const JOIN: &str = "
    insert into memberships (user_id, tenant_id, roles, state)
    values ($1, $2, $3, 'active')
    on conflict on constraint memberships_pkey do nothing";
const TOKEN: &str = "
    select a.tenant_id
      from activation_tokens a
           join tenants t on t.id = a.tenant_id
           left join invitations i on i.id = a.invitation_id
     where a.token_hash = $1 and a.email = $2 and a.use_time is null and a.expire_time > now()
       and (a.invitation_id is null or i.state = 'open' and i.expire_time > now())
       and t.state = 'active'";
const LOCK_TENANT: &str = "
    select 1 as one from tenants where id = $1 and state = 'active' for no key update";
const USE_TOKEN: &str = "
    update activation_tokens
       set use_time = now()
     where token_hash = $1 and email = $2 and tenant_id = $3
       and use_time is null and expire_time > now()
    returning roles, invitation_id";
const VOID_OTHERS: &str = "
    update activation_tokens set use_time = now()
     where tenant_id = $1 and email = $2 and use_time is null";

const VERIFIED: &str = "
    update users set email_verify_time = now(), revision = revision + 1
     where id = $1 and email_verify_time is null";
const SET_PASSWORD: &str = "
    update users set password_hash = $2, revision = revision + 1 where id = $1";
const RENAME: &str = "
    update users set first_name = $2, last_name = $3, phone = $4, revision = revision + 1
     where id = $1";
const MAKE_ADMIN: &str = "
    insert into platform_roles (user_id, roles) values ($1, array['platform_admin'])
    on conflict (user_id) do nothing";

/// Reads a member of one tenant.
///
/// # Errors
/// [`Error::NotFound`], also for people of other tenants.
pub(crate) async fn get(tx: &PublicTx, tenant: TenantId, user: UserId) -> Result<Member, Error> {
    let row = tx
        .query_opt(GET, params![tenant.as_uuid(), user.as_uuid()])
        .await?;
    member(&row.ok_or(Error::NotFound("user"))?)
}

/// Reads a page of a tenant's members, and the token of the next.
pub(super) async fn list(
    tx: &PublicTx,
    tenant: TenantId,
    request: &ListRequest,
) -> Result<(Vec<Member>, String), Error> {
    let page = tx
        .list(&LISTING, params![tenant.as_uuid()], request)
        .await?;
    let members: Result<_, Error> = page.rows.iter().map(member).collect();
    Ok((members?, page.next_page_token))
}

/// Finds a person, and the hash of the password.
pub(crate) async fn person_by_email(
    tx: &PublicTx,
    email: &Email,
) -> Result<Option<(Person, String)>, Error> {
    let row = tx.query_opt(BY_EMAIL, params![email.as_str()]).await?;
    row.map(|row| Ok((person(&row)?, column(&row, "password_hash")?)))
        .transpose()
}

/// Reads a person, and the hash of the password.
pub(crate) async fn person_by_id(
    tx: &PublicTx,
    user: UserId,
) -> Result<Option<(Person, String)>, Error> {
    let row = tx.query_opt(BY_ID, params![user.as_uuid()]).await?;
    row.map(|row| Ok((person(&row)?, column(&row, "password_hash")?)))
        .transpose()
}

/// Writes a new person.
///
/// # Errors
/// A conflict if the address was taken meanwhile.
pub(super) async fn insert(
    tx: &PublicTx,
    email: &Email,
    hash: &str,
    names: &Names,
) -> Result<UserId, Error> {
    let id = UserId::new();
    match tx
        .execute(
            INSERT,
            params![
                id.as_uuid(),
                email.as_str(),
                hash,
                names.first_name,
                names.last_name,
                names.phone
            ],
        )
        .await
    {
        Err(error) if error.constraint() == Some("users_email_key") => Err(Error::Raced),
        done => Ok(done.map(|_| id)?),
    }
}

/// Whether a person's password is still the one that was checked.
pub(super) async fn still_has(tx: &PublicTx, user: UserId, hash: &str) -> Result<bool, Error> {
    let row = tx.query_opt(CONFIRM, params![user.as_uuid(), hash]).await?;
    Ok(row.is_some())
}

/// Makes a person a member; false if the person is one already.
pub(super) async fn join(
    tx: &PublicTx,
    user: UserId,
    tenant: TenantId,
    roles: &[String],
) -> Result<bool, Error> {
    match tx
        .execute(
            JOIN,
            params![user.as_uuid(), tenant.as_uuid(), roles.to_vec()],
        )
        .await
    {
        Err(error) if error.constraint() == Some("memberships_tenant_id_fkey") => {
            Err(Error::NotFound("tenant"))
        }
        done => Ok(done? == 1),
    }
}

/// Records that a person has proved the address.
pub(crate) async fn verified(tx: &PublicTx, user: UserId) -> Result<(), Error> {
    tx.execute(VERIFIED, params![user.as_uuid()]).await?;
    Ok(())
}

/// Gives a person another password.
pub(super) async fn set_password(tx: &PublicTx, user: UserId, hash: &str) -> Result<(), Error> {
    tx.execute(SET_PASSWORD, params![user.as_uuid(), hash])
        .await?;
    Ok(())
}

/// Sets what a person is called and reached by.
pub(super) async fn rename(tx: &PublicTx, user: UserId, names: &Names) -> Result<(), Error> {
    tx.execute(
        RENAME,
        params![
            user.as_uuid(),
            names.first_name,
            names.last_name,
            names.phone
        ],
    )
    .await?;
    Ok(())
}

/// Makes a person an administrator of the platform; false if the person has a
/// role there already.
pub(super) async fn make_admin(tx: &PublicTx, user: UserId) -> Result<bool, Error> {
    Ok(tx.execute(MAKE_ADMIN, params![user.as_uuid()]).await? == 1)
}

/// Returns the tenant that a token would open at present; it is not used up by
/// asking.
pub(super) async fn tenant_of_token(
    tx: &PublicTx,
    hash: &[u8],
    email: &Email,
) -> Result<Option<TenantId>, Error> {
    let row = tx.query_opt(TOKEN, params![hash, email.as_str()]).await?;
    row.map(|row| Ok(TenantId::from_uuid(column::<Uuid>(&row, "tenant_id")?)))
        .transpose()
}

/// What a token was good for.
pub(super) struct Spent {
    pub(super) roles: Vec<String>,
    /// Whether it came by mail, which proves the address.
    pub(super) by_mail: bool,
}

/// Uses a token up, and with it all others of that tenant and person, and the
/// invitation that is open for them. Returns nothing if it is not good.
///
/// The tenant's row is locked first: of two registrations, or of one and a
/// suspension, the second sees what the first did.
pub(super) async fn use_token(
    tx: &PublicTx,
    tenant: TenantId,
    hash: &[u8],
    email: &Email,
) -> Result<Option<Spent>, Error> {
    let id = tenant.as_uuid();
    if tx.query_opt(LOCK_TENANT, params![id]).await?.is_none() {
        return Ok(None);
    }
    let row = tx
        .query_opt(USE_TOKEN, params![hash, email.as_str(), id])
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    tx.execute(VOID_OTHERS, params![id, email.as_str()]).await?;
    let invitation: Option<Uuid> = column(&row, "invitation_id")?;
    let offered = invitations::accept(tx, tenant, email, invitation).await?;
    let roles = match invitation {
        Some(_) => offered,
        None => Some(column(&row, "roles")?),
    };
    Ok(roles.map(|roles| Spent {
        roles,
        by_mail: invitation.is_some(),
    }))
}

fn person(row: &Row) -> Result<Person, Error> {
    Ok(Person {
        id: UserId::from_uuid(column::<Uuid>(row, "id")?),
        email: column(row, "email")?,
        names: Names {
            first_name: column(row, "first_name")?,
            last_name: column(row, "last_name")?,
            phone: column(row, "phone")?,
        },
        last_login: column(row, "last_login_time")?,
        created: column(row, "create_time")?,
        revision: column(row, "revision")?,
        email_verified: column::<Option<SystemTime>>(row, "email_verify_time")?.is_some(),
    })
}

fn member(row: &Row) -> Result<Member, Error> {
    Ok(Member {
        person: person(row)?,
        membership: Membership {
            roles: roles(column(row, "roles")?),
            state: column::<&str>(row, "state")?.parse()?,
            epoch: column(row, "epoch")?,
            created: column(row, "member_since")?,
        },
    })
}
