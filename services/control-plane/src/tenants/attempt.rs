//! One attempt at an operation: made under its lease, and given back or ended
//! where it failed.

use resido_migrations as migrations;
use resido_proto::error::Failure as _;
use resido_tenancy::db::{PublicDatabase, PublicTx};

use super::{
    model::{Operation, OperationKind},
    operations, provision, purge,
    queue::Queue,
};
use crate::{Error, audit::Actor};

impl Queue {
    /// Makes one attempt when its turn has come. After a failure the operation is
    /// given back.
    ///
    /// # Errors
    /// Those of the work, and as [`Queue::hold`].
    pub(super) async fn attempt<T>(
        &self,
        operation: &Operation,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let result = self.hold(operation, work).await?;
        let Err(error) = &result else {
            return result;
        };
        tracing::error!(
            tenant.id = %operation.tenant,
            kind = operation.kind.as_str(),
            error = error as &dyn std::error::Error,
            cause = error.trace(),
            attempt = operation.attempt,
            "an attempt at an operation failed"
        );
        if let Err(error) = give_back(&self.db, operation, error).await {
            // The lease runs out by itself.
            tracing::warn!(
                tenant.id = %operation.tenant,
                kind = operation.kind.as_str(),
                error = &error as &dyn std::error::Error,
                "an operation could not be given back"
            );
        }
        result
    }
}

/// Lets an operation rest; ends it where it was refused or had its attempts.
///
/// # Errors
/// If the database fails.
pub(super) async fn give_back(
    db: &PublicDatabase,
    operation: &Operation,
    error: &Error,
) -> Result<(), Error> {
    let tx = db.begin(None).await?;
    let given_back = give_back_in(&tx, operation, error).await;
    tx.finish(given_back).await
}

async fn give_back_in(tx: &PublicTx, operation: &Operation, error: &Error) -> Result<(), Error> {
    let refused = matches!(
        error,
        Error::Migration(migrations::Error::Dependents { .. })
    );
    if !refused && operation.attempt < operations::MAX_ATTEMPTS {
        return operations::postpone(tx, operation, &error.trace()).await;
    }
    if operations::fail(tx, operation, &error.trace()).await? {
        leave(tx, operation, &Actor::system(), error.reason()).await?;
    }
    Ok(())
}

/// Takes the tenant of an operation that ended without a result to where it can
/// be left: one that was to be made is `failed`, one that was to be purged is
/// what it was before.
///
/// # Errors
/// If the database fails.
pub(super) async fn leave(
    tx: &PublicTx,
    operation: &Operation,
    actor: &Actor,
    reason: &str,
) -> Result<(), Error> {
    match operation.kind {
        OperationKind::Provision => provision::give_up(tx, operation.tenant, actor, reason).await,
        OperationKind::Purge => purge::go_back(tx, operation, actor, reason).await,
    }
}
