//! A connection of its own, for the statements that PostgreSQL refuses within a
//! transaction.

use std::time::Duration;

use resido_proto::ids::TenantId;
use tokio_postgres::Row;

use super::{Error, PublicDatabase, params, slot::Slot, transaction::Params};
use crate::tenant::{RoleNames, SchemaName};

const LIMITS: &str = "
    select set_config('search_path', 'public, ext, pg_temp', false),
           set_config('statement_timeout', $1, false),
           set_config('lock_timeout', $2, false)";
const ENTER: &str = "select set_config('search_path', $1, false), set_config('role', $2, false)";
const LEAVE: &str = "
    select set_config('role', 'none', false),
           set_config('search_path', 'public, ext, pg_temp', false)";

/// A connection that is nobody else's and is closed when it is dropped; a
/// statement under way then is cancelled.
///
/// For migrations alone: what it does is not undone.
pub struct Session {
    slot: Slot,
    database: String,
}

impl PublicDatabase {
    /// Opens a connection beside the pool, whose statements may take so long and
    /// wait so long for a lock.
    ///
    /// # Errors
    /// If the database is away.
    pub async fn session(
        &self,
        statement_timeout: Duration,
        lock_timeout: Duration,
    ) -> Result<Session, Error> {
        let session = Session {
            slot: self.dedicated().await?,
            database: self.name().to_owned(),
        };
        let (statement, lock) = (
            statement_timeout.as_millis().to_string(),
            lock_timeout.as_millis().to_string(),
        );
        session.query_opt(LIMITS, params![statement, lock]).await?;
        Ok(session)
    }
}

impl Session {
    /// Goes on as the owner of a tenant's schema, within it.
    ///
    /// # Errors
    /// If there is no such role.
    pub async fn enter_tenant(&self, tenant: TenantId) -> Result<(), Error> {
        let path = format!("{}, ext, pg_temp", SchemaName::of(tenant).quoted());
        let owner = RoleNames::of(&self.database, tenant).owner;
        self.query_opt(ENTER, params![path, owner]).await?;
        Ok(())
    }

    /// Goes on as the control plane, in schema `public`.
    ///
    /// # Errors
    /// If the statement fails.
    pub async fn leave_tenant(&self) -> Result<(), Error> {
        self.query_opt(LEAVE, params![]).await?;
        Ok(())
    }

    /// Runs a statement and returns its rows.
    ///
    /// # Errors
    /// If the statement fails.
    pub async fn query(&self, sql: &'static str, params: Params<'_>) -> Result<Vec<Row>, Error> {
        self.busy(self.slot.client.query_typed(sql, params)).await
    }

    /// Runs a statement and returns its last row, if there is one.
    ///
    /// # Errors
    /// If the statement fails.
    pub async fn query_opt(
        &self,
        sql: &'static str,
        params: Params<'_>,
    ) -> Result<Option<Row>, Error> {
        Ok(self.query(sql, params).await?.pop())
    }

    /// Runs a statement of a migration file outside a transaction.
    ///
    /// # Errors
    /// If the statement fails.
    #[expect(
        clippy::disallowed_methods,
        reason = "only migrations come here, on a connection that nobody uses after them"
    )]
    pub async fn run_alone(&self, sql: &str) -> Result<(), Error> {
        self.busy(self.slot.client.batch_execute(sql)).await
    }

    async fn busy<T>(
        &self,
        run: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Error> {
        self.slot.set_busy(true);
        let result = run.await;
        self.slot.set_busy(false);
        Ok(result?)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.slot.is_busy() {
            self.slot.cancel();
        }
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}
