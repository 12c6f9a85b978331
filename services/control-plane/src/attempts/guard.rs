//! Checks passwords, and counts those that are wrong.

use resido_proto::email::Email;
use resido_tenancy::{context::CallContext, db::PublicDatabase};
use secrecy::SecretString;

use super::model::Attempt;
use crate::{Error, passwords::Hasher};

/// Checks passwords; clones share the bounds.
#[derive(Clone)]
pub(crate) struct Guard {
    db: PublicDatabase,
    hasher: Hasher,
}

impl Guard {
    /// Hashes with `hasher`.
    pub(crate) fn new(db: PublicDatabase, hasher: Hasher) -> Self {
        Self { db, hasher }
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
        let failures = self.check(ctx, &attempt).await?;
        let (right, turn) = turn.verify(password, hash).await?;
        if right && failures == 0 {
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

    async fn check(&self, ctx: &CallContext, attempt: &Attempt) -> Result<i32, Error> {
        let tx = self.db.begin(ctx.deadline()).await?;
        let checked = attempt.check(&tx).await;
        tx.finish(checked).await
    }
}
