//! Tokens of mails, each of which works once.

use resido_proto::ids::UserId;
use resido_tenancy::db::{PublicTx, params};
use uuid::Uuid;

use crate::{Error, mail::Kind, row::column};

const FIND: &str = "
    select user_id from one_time_tokens
     where token_hash = $1 and kind = $2 and use_time is null and expire_time > now()";
const USE: &str = "
    update one_time_tokens set use_time = now()
     where token_hash = $1 and kind = $2 and use_time is null and expire_time > now()
    returning user_id";
const VOID: &str = "delete from one_time_tokens where user_id = $1 and kind = $2";
const PRUNE: &str = "
    delete from one_time_tokens
     where token_hash in (select token_hash from one_time_tokens where expire_time < now()
                           order by expire_time limit 1000 for update skip locked)";

/// Returns whose token it is; it is not used up by asking.
pub(super) async fn find(tx: &PublicTx, token: &[u8], kind: Kind) -> Result<UserId, Error> {
    person(tx, FIND, token, kind).await
}

/// Uses a token up and returns whose it was.
pub(super) async fn spend(tx: &PublicTx, token: &[u8], kind: Kind) -> Result<UserId, Error> {
    person(tx, USE, token, kind).await
}

/// Voids all tokens of a kind that a person has.
pub(super) async fn void(tx: &PublicTx, user: UserId, kind: Kind) -> Result<(), Error> {
    tx.execute(VOID, params![user.as_uuid(), kind.name()])
        .await?;
    Ok(())
}

/// Drops tokens that have expired, a thousand at most.
///
/// # Errors
/// If the database fails.
pub(super) async fn prune(tx: &PublicTx) -> Result<(), Error> {
    tx.execute(PRUNE, params![]).await?;
    Ok(())
}

async fn person(
    tx: &PublicTx,
    sql: &'static str,
    token: &[u8],
    kind: Kind,
) -> Result<UserId, Error> {
    let row = tx.query_opt(sql, params![token, kind.name()]).await?;
    let row = row.ok_or(Error::Token)?;
    column::<Uuid>(&row, "user_id").map(UserId::from_uuid)
}
