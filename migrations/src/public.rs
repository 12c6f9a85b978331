//! The control plane's own tables.

use std::time::{Duration, Instant};

use resido_tenancy::db::{PublicDatabase, PublicTx, params};

use crate::{
    Error, Set, Sets,
    change::{self, Place},
    history::{self, Order},
    statement::{PUBLIC_LOCK, lock, script},
};

/// How long another process's migration is waited for, and how often it is looked
/// at.
const LOCK_WAIT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);

/// Applies the control plane's own files and returns how many were missing.
///
/// # Errors
/// [`Error::Changed`], [`Error::Gap`], [`Error::Ahead`], [`Error::Failed`],
/// [`Error::Locked`] after a minute, or [`Error::Database`].
pub async fn migrate_public(db: &PublicDatabase, sets: &Sets) -> Result<usize, Error> {
    let mut applied = 0;
    let started = Instant::now();
    loop {
        match step(db, &sets.public).await {
            Ok(true) => applied += 1,
            Ok(false) => return Ok(applied),
            Err(Error::Locked) if started.elapsed() < LOCK_WAIT => tokio::time::sleep(POLL).await,
            Err(error) => return Err(error),
        }
    }
}

/// Applies the next file in a transaction of its own; false if none is missing.
async fn step(db: &PublicDatabase, set: &Set) -> Result<bool, Error> {
    let tx = db.begin_long(LOCK_WAIT).await?;
    let stepped = step_within(&tx, set).await;
    tx.finish(stepped).await
}

async fn step_within(tx: &PublicTx, set: &Set) -> Result<bool, Error> {
    lock(tx, PUBLIC_LOCK.0, PUBLIC_LOCK.1).await?;
    script(tx, history::TABLE).await?;
    let applied = history::read(&tx.query(history::HISTORY, params![]).await?)?;
    let missing = history::standing(set, &applied, set.latest(), Order::Strict).missing(set)?;
    let Some(next) = missing.first() else {
        return Ok(false);
    };
    change::apply(tx, next, &Place::of(tx).await?, None).await?;
    Ok(true)
}
