//! Checks passwords, counts those that are wrong, and bounds how often one may try.

use std::sync::Arc;

use resido_proto::email::Email;
use resido_tenancy::{context::CallContext, db::PublicDatabase};
use secrecy::SecretString;

use super::{limits::Limits, model::Attempt, pace::Pace, store::Standing};
use crate::{Error, passwords::Hasher};

/// Checks passwords; clones share the bounds.
#[derive(Clone)]
pub(crate) struct Guard {
    db: PublicDatabase,
    hasher: Hasher,
    limits: Arc<Limits>,
    token_calls: Pace,
    refreshes: Pace,
}

impl Guard {
    /// Hashes with `hasher`.
    pub(crate) fn new(db: PublicDatabase, hasher: Hasher, limits: &Limits) -> Self {
        Self {
            db,
            hasher,
            limits: Arc::new(limits.clone()),
            token_calls: Pace::new(limits.token_calls_from_address),
            refreshes: Pace::new(limits.refreshes_from_address),
        }
    }

    /// Returns the bounds.
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Counts a call that brings a token of a mail or of an activation.
    ///
    /// # Errors
    /// [`Error::RateLimited`] if too many come from there.
    pub(crate) fn token_call(&self, ctx: &CallContext) -> Result<(), Error> {
        self.token_calls.admit(ctx.client())
    }

    /// Counts a use of a refresh token.
    ///
    /// # Errors
    /// As [`token_call`](Self::token_call).
    pub(crate) fn refresh(&self, ctx: &CallContext) -> Result<(), Error> {
        self.refreshes.admit(ctx.client())
    }

    /// Tells whether a password is that of the person with this address; without
    /// a hash there is nobody, and it is wrong after the same work.
    ///
    /// The turn at hashing is held from the look at the counters until a failure is
    /// counted: of many tries at once no more come through than hashes run at once.
    ///
    /// # Errors
    /// [`Error::LoginBlocked`] after too many failures, before any hashing;
    /// [`Error::LoginBusy`] if too many calls wait.
    pub(crate) async fn prove(
        &self,
        ctx: &CallContext,
        email: &Email,
        password: SecretString,
        hash: Option<String>,
    ) -> Result<bool, Error> {
        let attempt = Attempt::on(email, ctx.client());
        // Who is blocked takes no place of those who wait.
        self.check(ctx, &attempt).await?;
        let turn = self.hasher.turn(ctx.client()).await?;
        let standing = self.check(ctx, &attempt).await?;
        let (right, turn) = turn.verify(password, hash).await?;
        if right && standing.failures == 0 && standing.is_remembered {
            return Ok(true);
        }
        let tx = self.db.begin(ctx.deadline()).await?;
        let counted = if right {
            attempt.succeeded(&tx).await
        } else {
            attempt.failed(&tx).await
        };
        tx.finish(counted).await?;
        drop(turn);
        Ok(right)
    }

    async fn check(&self, ctx: &CallContext, attempt: &Attempt) -> Result<Standing, Error> {
        let tx = self.db.begin(ctx.deadline()).await?;
        let checked = attempt.check(&tx, &self.limits).await;
        tx.finish(checked).await
    }
}
