//! Long work as operations with a lease: whoever holds the lease works on it, and
//! where that process died the lease runs out.

use std::time::Duration;

use resido_proto::ids::{OperationId, TenantId};
use resido_tenancy::{
    db::{PublicTx, Row, params},
    tenant::State,
};
use uuid::Uuid;

use super::model::{Operation, OperationKind};
use crate::{Error, row::column};

/// Attempts of one operation at most.
pub(super) const MAX_ATTEMPTS: i32 = 5;

/// Puts the columns of an operation into a statement.
macro_rules! operation {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            " id, kind, tenant_id, actor, request_hash, attempt ",
            $after
        )
    };
}

const INSERT: &str = "
    insert into operations (id, kind, tenant_id, actor, idempotency_key, request_hash, from_state,
                            lease_until)
    values ($1, $2, $3, $4, $5, $6, $7, now() + make_interval(secs => $8))";
const FIND: &str = operation!(
    "select",
    "from operations where actor = $1 and idempotency_key = $2"
);
const OPEN: &str = operation!(
    "select",
    "from operations where tenant_id = $1 and kind = $2 and not done"
);
const CLAIM: &str = operation!(
    "update operations
        set attempt = attempt + 1, begin_time = null,
            lease_until = now() + make_interval(secs => $1)
      where id in (select id from operations
                    where not done and lease_until < now()
                    order by lease_until
                    limit 1
                      for update skip locked)
     returning",
    ""
);
// Each claim is an attempt, so that its number tells one holder from the next.
const RENEW: &str = "
    update operations set lease_until = now() + make_interval(secs => $3)
     where id = $1 and attempt = $2 and not done";
const BEGIN: &str = "
    update operations
       set lease_until = now() + make_interval(secs => $3), begin_time = now()
     where id = $1 and attempt = $2 and not done";
const FINISH: &str = "
    update operations set done = true, lease_until = null, error = null, end_time = now()
     where id = $1 and not done";
const FAIL: &str = "
    update operations set done = true, lease_until = null, error = $3, end_time = now()
     where id = $1 and attempt = $2 and not done";
const POSTPONE: &str = "
    update operations
       set lease_until = now() + make_interval(secs => $3), error = $4, begin_time = null
     where id = $1 and attempt = $2 and not done";

/// How a lease goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extend {
    /// As before.
    Renew,
    /// With the work, which cannot be cancelled from here on.
    Begin,
}

/// Whence an operation was asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Asked<'a> {
    /// The caller's idempotency key.
    pub(super) key: Option<&'a str>,
    /// The state that the tenant goes back to if it is refused.
    pub(super) from: Option<State>,
}

/// Writes an operation with a lease that long.
///
/// # Errors
/// [`Error::KeyReused`] if the actor has used the key.
pub(super) async fn insert(
    tx: &PublicTx,
    operation: &Operation,
    asked: Asked<'_>,
    lease: Duration,
) -> Result<(), Error> {
    match tx
        .execute(
            INSERT,
            params![
                operation.id.as_uuid(),
                operation.kind.as_str(),
                operation.tenant.as_uuid(),
                operation.actor,
                asked.key,
                operation.request,
                asked.from.map(State::as_str),
                lease.as_secs_f64()
            ],
        )
        .await
    {
        Err(error) if error.constraint() == Some("operations_idempotency_key") => {
            Err(Error::KeyReused)
        }
        done => Ok(done.map(drop)?),
    }
}

/// Finds the operation that an actor started under a key.
pub(super) async fn find(
    tx: &PublicTx,
    actor: &str,
    key: &str,
) -> Result<Option<Operation>, Error> {
    let row = tx.query_opt(FIND, params![actor, key]).await?;
    row.as_ref().map(read).transpose()
}

/// Finds the operation of a kind that a tenant waits for.
pub(super) async fn open_of(
    tx: &PublicTx,
    tenant: TenantId,
    kind: OperationKind,
) -> Result<Option<Operation>, Error> {
    let row = tx
        .query_opt(OPEN, params![tenant.as_uuid(), kind.as_str()])
        .await?;
    row.as_ref().map(read).transpose()
}

/// Takes up an operation whose lease ran out, for one more attempt.
pub(super) async fn claim(tx: &PublicTx, lease: Duration) -> Result<Option<Operation>, Error> {
    let row = tx.query_opt(CLAIM, params![lease.as_secs_f64()]).await?;
    row.as_ref().map(read).transpose()
}

/// Lets a lease begin anew; false if it is not this attempt's any more.
pub(super) async fn extend(
    tx: &PublicTx,
    operation: &Operation,
    lease: Duration,
    how: Extend,
) -> Result<bool, Error> {
    let (id, attempt) = (operation.id.as_uuid(), operation.attempt);
    let lease = lease.as_secs_f64();
    let update = match how {
        Extend::Renew => RENEW,
        Extend::Begin => BEGIN,
    };
    let extended = tx.execute(update, params![id, attempt, lease]).await?;
    Ok(extended == 1)
}

/// Ends an operation that has its result, whoever came to it.
pub(super) async fn finish(tx: &PublicTx, id: OperationId) -> Result<(), Error> {
    tx.execute(FINISH, params![id.as_uuid()]).await?;
    Ok(())
}

/// Ends an operation without a result; false if the lease is not this attempt's
/// any more.
pub(super) async fn fail(tx: &PublicTx, operation: &Operation, error: &str) -> Result<bool, Error> {
    let (id, attempt) = (operation.id.as_uuid(), operation.attempt);
    let failed = tx.execute(FAIL, params![id, attempt, error]).await?;
    Ok(failed == 1)
}

/// Gives an operation back, to be taken up after a while. Does nothing where
/// another has taken it up already.
pub(super) async fn postpone(
    tx: &PublicTx,
    operation: &Operation,
    error: &str,
) -> Result<(), Error> {
    let wait = backoff(operation.attempt).as_secs_f64();
    let (id, attempt) = (operation.id.as_uuid(), operation.attempt);
    tx.execute(POSTPONE, params![id, attempt, wait, error])
        .await?;
    Ok(())
}

/// Returns how long an operation rests after an attempt: 5 s, 20 s, 80 s, 5 min.
fn backoff(attempt: i32) -> Duration {
    let doublings = u32::try_from(attempt - 1).unwrap_or_default().min(5);
    Duration::from_secs((5 * 4_u64.pow(doublings)).min(300))
}

pub(super) fn read(row: &Row) -> Result<Operation, Error> {
    Ok(Operation {
        id: OperationId::from_uuid(column::<Uuid>(row, "id")?),
        kind: OperationKind::named(column(row, "kind")?)
            .ok_or(Error::Fault("a stored kind is unknown"))?,
        tenant: TenantId::from_uuid(column::<Uuid>(row, "tenant_id")?),
        actor: column(row, "actor")?,
        request: column(row, "request_hash")?,
        attempt: column(row, "attempt")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_grow_and_are_bounded() {
        let seconds: Vec<_> = (1..=7).map(|n| backoff(n).as_secs()).collect();
        assert_eq!(seconds, [5, 20, 80, 300, 300, 300, 300]);
        assert_eq!(backoff(0).as_secs(), 5);
        assert_eq!(backoff(i32::MAX).as_secs(), 300);
    }
}
