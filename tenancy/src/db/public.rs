//! Transactions on the control plane's own tables, in schema `public`.

use std::time::Duration;

use resido_observability::Metrics;
use resido_proto::ids::TenantId;
use tokio::time::Instant;
use tokio_postgres::Row;

use super::{
    Config, CopyOut, Error, ListRequest, Listener, Listing, Rows, list, params,
    pool::{Lease, OPENING_TRIES, Pool},
    slot::Slot,
    transaction::{Kind, Params, Transaction},
};
use crate::tenant::{RoleNames, SchemaName};

const SETTINGS: &str = "
    select set_config('search_path', 'public, ext, pg_temp', true),
           set_config('statement_timeout', $1, true),
           set_config('lock_timeout', $2, true),
           set_config('idle_in_transaction_session_timeout', $3, true)";
const CHECK: &str = "select current_schema()::text as schema";
const ENTER: &str = "select set_config('search_path', $1, true), set_config('role', $2, true)";
const LEAVE: &str = "
    select set_config('role', 'none', true),
           set_config('search_path', 'public, ext, pg_temp', true)";

/// The database as the control plane and the migrations see it. Clones share one
/// pool.
#[derive(Debug, Clone)]
pub struct PublicDatabase {
    pool: Pool,
}

impl PublicDatabase {
    /// Prepares a pool on the control plane's login; connections are opened when
    /// they are needed.
    ///
    /// # Errors
    /// If the URL cannot be used.
    pub fn new(config: Config, metrics: Metrics) -> Result<Self, Error> {
        Ok(Self {
            pool: Pool::new("control", config, metrics)?,
        })
    }

    /// Opens no transaction any more, here or by a clone: the server is about to stop.
    pub fn close(&self) {
        self.pool.close();
    }

    /// Returns the name of the database, which role names begin with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.pool.database
    }

    /// Opens a transaction; no wait in it goes beyond the deadline.
    ///
    /// # Errors
    /// If the database or a place in the pool is not to be had in time.
    pub async fn begin(&self, deadline: Option<Instant>) -> Result<PublicTx, Error> {
        let timeout = self.pool.statement_timeout(deadline)?;
        self.begin_within(Kind::Writes, timeout, deadline).await
    }

    /// Opens a transaction whose statements may take so long, for migrations.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub async fn begin_long(&self, statement_timeout: Duration) -> Result<PublicTx, Error> {
        self.begin_within(Kind::Writes, statement_timeout, None)
            .await
    }

    /// Opens a transaction that reads alone and sees one moment throughout, whose
    /// statements may take so long.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub async fn begin_snapshot(&self, statement_timeout: Duration) -> Result<PublicTx, Error> {
        self.begin_within(Kind::Snapshot, statement_timeout, None)
            .await
    }

    /// Hears the notifications of a channel, on a connection of its own.
    ///
    /// # Errors
    /// If the name is no identifier.
    pub fn listen(&self, channel: &str) -> Result<Listener, Error> {
        Listener::start(&self.pool.config, channel)
    }

    /// Opens a connection that the pool does not count.
    pub(super) async fn dedicated(&self) -> Result<Slot, Error> {
        self.pool.dedicated().await
    }

    async fn begin_within(
        &self,
        kind: Kind,
        statement_timeout: Duration,
        deadline: Option<Instant>,
    ) -> Result<PublicTx, Error> {
        let mut tries = 1;
        let tx = loop {
            let lease = self.pool.lease(deadline).await?;
            match self.open((lease, kind), statement_timeout, deadline).await {
                // The connection was dead already: nothing has been done with it.
                Err(Error::Away(_)) if tries < OPENING_TRIES => tries += 1,
                opened => break opened?,
            }
        };
        self.pool.metrics.transaction(self.pool.name);
        Ok(PublicTx {
            tx,
            database: self.pool.database.clone(),
        })
    }

    async fn open(
        &self,
        (lease, kind): (Lease, Kind),
        statement_timeout: Duration,
        deadline: Option<Instant>,
    ) -> Result<Transaction, Error> {
        let tx = Transaction::new(lease, kind, deadline, None);
        let limits = &self.pool.config;
        let settings = [
            statement_timeout.as_millis().to_string(),
            limits.lock_timeout.as_millis().to_string(),
            limits
                .idle_timeout
                .max(statement_timeout)
                .as_millis()
                .to_string(),
        ];
        let row = tx.open(SETTINGS, &settings, CHECK).await?;
        let schema: Option<&str> = row.as_ref().map(|row| row.try_get("schema")).transpose()?;
        if schema == Some("public") {
            return Ok(tx);
        }
        tx.distrust();
        Err(Error::CheckFailed)
    }
}

/// An open transaction on the control plane's own tables.
///
/// Finish it as a [`TenantTx`](super::TenantTx); dropped unfinished, it undoes
/// everything and costs its connection.
pub struct PublicTx {
    tx: Transaction,
    database: String,
}

transaction_calls!(PublicTx);

impl PublicTx {
    /// Returns the name of the database, which role names begin with.
    #[must_use]
    pub fn database(&self) -> &str {
        &self.database
    }

    /// Runs the text of a migration file, or validated DDL of the migration
    /// engine. Everything else binds its values.
    ///
    /// # Errors
    /// If a statement fails; the transaction has ended then.
    pub async fn run_script(&self, sql: &str) -> Result<(), Error> {
        self.tx.script(sql).await
    }

    /// Reads these columns of a table, after [`enter_tenant`](Self::enter_tenant)
    /// of the tenant's; one at a time.
    ///
    /// # Errors
    /// If a name is no identifier, or the statement fails; the transaction has
    /// ended then.
    pub async fn copy_out(&self, table: &str, columns: &[String]) -> Result<CopyOut<'_>, Error> {
        CopyOut::begin(&self.tx, table, columns).await
    }

    /// Goes on as the owner of a tenant's schema, within it.
    ///
    /// # Errors
    /// If there is no such role.
    pub async fn enter_tenant(&self, tenant: TenantId) -> Result<(), Error> {
        let path = format!("{}, ext, pg_temp", SchemaName::of(tenant).quoted());
        let owner = RoleNames::of(&self.database, tenant).owner;
        self.query_one(ENTER, params![path, owner]).await?;
        Ok(())
    }

    /// Goes on as the control plane, in schema `public`.
    ///
    /// # Errors
    /// If the statement fails.
    pub async fn leave_tenant(&self) -> Result<(), Error> {
        self.query_one(LEAVE, params![]).await?;
        Ok(())
    }
}
