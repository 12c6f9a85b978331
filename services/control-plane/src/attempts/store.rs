//! The counters in the control plane's tables.

use resido_tenancy::db::{PublicTx, params};

use super::{
    limits::{Limits, counted},
    model::Attempt,
};
use crate::{Error, row::column};

/// Puts the wait after the last failure, in seconds, into a query: one second
/// after the last that is free, doubling up to 15 minutes; for an account as a
/// whole up to 30 seconds, only with what failed within the hour, and not where it
/// was proved lately.
const STANDING: &str = "
    with home as (
        select at from login_origins where key = $7 and at > now() - interval '30 days')
    select coalesce(max(a.number) filter (where a.key = $1), 0) as failures,
           coalesce(max(ceil(extract(epoch from a.at - now()
               + least(power(2, least(a.number - f.free, 10)), f.most) * interval '1 second')))
               filter (where a.number >= f.free
                         and (a.key is distinct from $2 or not exists (select from home))),
               0)::int8 as wait,
           $7 is null or exists (select from home where at > now() - interval '1 day')
               as is_remembered
      from login_attempts a
      join (values ($1::bytea, $4::int4, 900), ($2::bytea, $5::int4, 30),
                   ($3::bytea, $6::int4, 900)) f (key, free, most) on f.key = a.key
     where case when a.key = $2 then a.since else a.at end > now() - interval '1 hour'";
const FAILED: &str = "
    insert into login_attempts as a (key, number) values ($1, 1)
    on conflict (key) do update
       set number = case when a.at > now() - interval '1 hour'
                         then least(a.number + 1, 1000000) else 1 end,
           at = now()";
/// Once a day is often enough.
const REMEMBER: &str = "
    insert into login_origins as o (key) values ($1)
    on conflict (key) do update set at = now() where o.at < now() - interval '1 day'";
const PRUNE_ORIGINS: &str = "
    delete from login_origins
     where key in (select key from login_origins
                    where at < now() - interval '30 days'
                    order by at limit 1000 for update skip locked)";
const FORGET: &str = "delete from login_attempts where key = $1";
/// The hour begins with the first that is counted.
const COUNT: &str = "
    insert into login_attempts as a (key, number) values ($1, 1)
    on conflict (key) do update
       set number = case when a.since > now() - interval '1 hour'
                         then least(a.number + 1, 1000000) else 1 end,
           since = case when a.since > now() - interval '1 hour' then a.since else now() end,
           at = now()
    returning number,
              ceil(extract(epoch from since + interval '1 hour' - now()))::int8 as left_seconds";
const PRUNE: &str = "
    delete from login_attempts
     where key in (select key from login_attempts
                    where at < now() - interval '2 hours'
                    order by at limit 1000 for update skip locked)";

/// How an account and an origin stand.
pub(crate) struct Standing {
    /// Failures of the account from the origin.
    pub(super) failures: i32,
    /// Time until the next try.
    pub(super) wait_seconds: i64,
    /// Whether there is nothing to be remembered of the origin.
    pub(super) is_remembered: bool,
}

/// How much was asked for within the hour.
pub(super) struct Counted {
    pub(super) number: i32,
    /// Time until the hour is over.
    pub(super) left_seconds: i64,
}

/// Reads how an attempt stands.
pub(super) async fn standing(
    tx: &PublicTx,
    attempt: &Attempt,
    limits: &Limits,
) -> Result<Standing, Error> {
    let row = tx
        .query_one(
            STANDING,
            params![
                attempt.here.as_deref(),
                attempt.account.as_deref(),
                attempt.origin.as_deref(),
                counted(limits.failures_of_account_from_address),
                counted(limits.failures_of_account),
                counted(limits.failures_from_address),
                attempt.home.as_deref()
            ],
        )
        .await?;
    Ok(Standing {
        failures: column(&row, "failures")?,
        wait_seconds: column(&row, "wait")?,
        is_remembered: column(&row, "is_remembered")?,
    })
}

/// Counts a failure.
pub(super) async fn failed(tx: &PublicTx, key: &[u8]) -> Result<(), Error> {
    tx.execute(FAILED, params![key]).await?;
    Ok(())
}

/// Forgets what was counted.
pub(super) async fn forget(tx: &PublicTx, key: &[u8]) -> Result<(), Error> {
    tx.execute(FORGET, params![key]).await?;
    Ok(())
}

/// Remembers where an account was proved.
pub(super) async fn remember(tx: &PublicTx, key: &[u8]) -> Result<(), Error> {
    tx.execute(REMEMBER, params![key]).await?;
    Ok(())
}

/// Counts what is asked for within an hour.
pub(super) async fn count(tx: &PublicTx, key: &[u8]) -> Result<Counted, Error> {
    let row = tx.query_one(COUNT, params![key]).await?;
    Ok(Counted {
        number: column(&row, "number")?,
        left_seconds: column(&row, "left_seconds")?,
    })
}

/// Drops counters and origins that mean nothing any more, a thousand of each at most.
///
/// # Errors
/// If the database fails.
pub(crate) async fn prune(tx: &PublicTx) -> Result<(), Error> {
    tx.execute(PRUNE, params![]).await?;
    tx.execute(PRUNE_ORIGINS, params![]).await?;
    Ok(())
}
