//! Mails that wait to be sent, in the control plane's tables.

use std::time::{Duration, SystemTime};

use resido_proto::{
    email::Email,
    ids::{TenantId, UserId},
};
use resido_tenancy::db::{PublicTx, Row, params};
use uuid::Uuid;

use super::model::Kind;
use crate::{Error, row::column, tokens::Activation};

const ENQUEUE: &str = "
    insert into mails (id, kind, email, tenant_id, invitation_id) values ($1, $2, $3, $4, $5)";
/// Who sends has two minutes, far more than it takes; then another may.
const CLAIM: &str = "
    update mails set attempts = attempts + 1, next_time = now() + interval '2 minutes'
     where id in (select id from mails where next_time <= now()
                   order by next_time limit $1 for update skip locked)
    returning id, kind, email, tenant_id, invitation_id, attempts";
const DONE: &str = "delete from mails where id = $1";
const LATER: &str = "
    update mails set next_time = now() + $2::int8 * interval '1 second' where id = $1";
const PERSON: &str = "select id from users where email = $1";
const KEEP: &str = "
    insert into one_time_tokens (token_hash, kind, user_id, expire_time)
    values ($1, $2, $3, now() + $4::int8 * interval '1 second')";
/// The mail was not tried, so no try is counted.
const HOLD: &str = "
    update mails set attempts = attempts - 1, next_time = now() + interval '1 minute'
     where id = $1";
/// Its row is locked: a token is not made while the invitation is withdrawn. Nobody
/// gets into a tenant that does not serve at present, and so the mail waits.
const INVITATION: &str = "
    select i.roles, i.expire_time, t.display_name, t.state = 'active' as serves
      from invitations i join tenants t on t.id = i.tenant_id
     where i.id = $1 and i.state = 'open' and i.expire_time > now()
       and t.state in ('active', 'suspended', 'maintenance', 'moving')
       for no key update of i";
const VOID_INVITATION: &str = "
    delete from activation_tokens where invitation_id = $1 and use_time is null";
const KEEP_INVITATION: &str = "
    insert into activation_tokens
           (token_hash, tenant_id, email, roles, expire_time, invitation_id)
    values ($1, $2, $3, $4, $5, $6)";

/// What there is to send of an invitation.
pub(super) enum Offer {
    /// A token, and the name of the tenant.
    Made(String, String),
    /// Nothing before the tenant serves again.
    Later,
    /// Nothing any more.
    Never,
}

/// A mail that is due.
pub(super) struct Due {
    pub(super) id: Uuid,
    /// None if what is stored makes no sense.
    pub(super) kind: Option<Kind>,
    pub(super) email: String,
    /// How often it was tried, this time included.
    pub(super) attempts: i32,
}

/// Asks for a mail, which is sent once the transaction has ended. Whether there is
/// anybody with this address is not looked at.
///
/// # Errors
/// If the database fails.
pub(crate) async fn enqueue(tx: &PublicTx, email: &Email, kind: Kind) -> Result<(), Error> {
    let (tenant, invitation) = kind.about();
    let tenant = tenant.map(|tenant| tenant.as_uuid());
    let id = Uuid::now_v7();
    tx.execute(
        ENQUEUE,
        params![id, kind.name(), email.as_str(), tenant, invitation],
    )
    .await?;
    Ok(())
}

/// Takes mails that are due, so many at most.
pub(super) async fn claim(tx: &PublicTx, most: i64) -> Result<Vec<Due>, Error> {
    let rows = tx.query(CLAIM, params![most]).await?;
    rows.iter().map(due).collect()
}

/// Forgets a mail.
pub(super) async fn done(tx: &PublicTx, id: Uuid) -> Result<(), Error> {
    tx.execute(DONE, params![id]).await?;
    Ok(())
}

/// Puts a mail off.
pub(super) async fn later(tx: &PublicTx, id: Uuid, wait: Duration) -> Result<(), Error> {
    let seconds = i64::try_from(wait.as_secs()).unwrap_or(i64::MAX);
    tx.execute(LATER, params![id, seconds]).await?;
    Ok(())
}

/// Puts a mail off that was not tried.
pub(super) async fn hold(tx: &PublicTx, id: Uuid) -> Result<(), Error> {
    tx.execute(HOLD, params![id]).await?;
    Ok(())
}

/// Returns the person with an address, if there is one.
pub(super) async fn person(tx: &PublicTx, email: &str) -> Result<Option<UserId>, Error> {
    let row = tx.query_opt(PERSON, params![email]).await?;
    row.map(|row| column::<Uuid>(&row, "id").map(UserId::from_uuid))
        .transpose()
}

/// Makes a token for a person.
pub(super) async fn token(
    tx: &PublicTx,
    kind: Kind,
    user: UserId,
    life: Duration,
) -> Result<String, Error> {
    let token = Activation::generate()?;
    let seconds = i64::try_from(life.as_secs()).unwrap_or(i64::MAX);
    tx.execute(
        KEEP,
        params![token.hash(), kind.name(), user.as_uuid(), seconds],
    )
    .await?;
    Ok(token.into_text())
}

/// Makes a token for an invitation that is open, and voids those before.
pub(super) async fn invitation(
    tx: &PublicTx,
    (tenant, invitation): (TenantId, Uuid),
    email: &str,
) -> Result<Offer, Error> {
    let Some(row) = tx.query_opt(INVITATION, params![invitation]).await? else {
        return Ok(Offer::Never);
    };
    if !column::<bool>(&row, "serves")? {
        return Ok(Offer::Later);
    }
    let roles: Vec<String> = column(&row, "roles")?;
    let expires: SystemTime = column(&row, "expire_time")?;
    let token = Activation::generate()?;
    tx.execute(VOID_INVITATION, params![invitation]).await?;
    tx.execute(
        KEEP_INVITATION,
        params![
            token.hash(),
            tenant.as_uuid(),
            email,
            roles,
            expires,
            invitation
        ],
    )
    .await?;
    let tenant = column(&row, "display_name")?;
    Ok(Offer::Made(token.into_text(), tenant))
}

fn due(row: &Row) -> Result<Due, Error> {
    let tenant: Option<Uuid> = column(row, "tenant_id")?;
    let tenant = tenant.map(TenantId::from_uuid);
    Ok(Due {
        id: column(row, "id")?,
        kind: Kind::stored(column(row, "kind")?, tenant, column(row, "invitation_id")?),
        email: column(row, "email")?,
        attempts: column(row, "attempts")?,
    })
}
