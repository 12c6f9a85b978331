//! The pool: hands out connections, one per transaction.

use std::time::Duration;

use bb8::{PooledConnection, RunError};
use resido_observability::Metrics;
use tokio::time::Instant;

use super::{Config, Error, slot::Manager};

/// A connection in use; goes back to the pool, or is thrown away, when dropped.
pub(super) type Lease = PooledConnection<'static, Manager>;

/// A pool with the settings its transactions share.
#[derive(Clone)]
pub(super) struct Pool {
    pub(super) name: &'static str,
    pub(super) database: String,
    pub(super) config: Config,
    pub(super) metrics: Metrics,
    pool: bb8::Pool<Manager>,
}

impl Pool {
    /// Prepares a pool; connections are opened when they are needed.
    pub(super) fn new(name: &'static str, config: Config, metrics: Metrics) -> Result<Self, Error> {
        let postgres = config.parse(&format!("resido {name}"))?;
        let database = postgres.get_dbname().unwrap_or_default().to_owned();
        let manager = Manager::new(name, &config, postgres, metrics.clone())?;
        let pool = bb8::Pool::builder()
            .max_size(config.max_connections.max(1))
            .connection_timeout(config.acquire_timeout)
            .test_on_check_out(false)
            // A slot carries its own age: the pool's would be the same for all.
            .max_lifetime(None)
            .idle_timeout(Duration::from_secs(300))
            .retry_connection(false)
            .queue_strategy(bb8::QueueStrategy::Lifo)
            .build_unchecked(manager);
        Ok(Self {
            name,
            database,
            config,
            metrics,
            pool,
        })
    }

    /// Takes a connection, waiting no longer than the deadline.
    pub(super) async fn lease(&self, deadline: Option<Instant>) -> Result<Lease, Error> {
        let lease = self.pool.get_owned();
        let leased = match deadline {
            Some(deadline) => tokio::time::timeout_at(deadline, lease)
                .await
                .map_err(|_| Error::Deadline)?,
            None => lease.await,
        };
        let state = self.pool.state();
        self.metrics
            .pool(self.name, state.connections, state.idle_connections);
        leased.map_err(|error| match error {
            RunError::User(error) => error,
            RunError::TimedOut => Error::PoolBusy,
        })
    }

    /// Returns how long a statement may take: the limit, or what the deadline
    /// leaves of it.
    pub(super) fn statement_timeout(&self, deadline: Option<Instant>) -> Result<Duration, Error> {
        let limit = self.config.statement_timeout;
        let Some(deadline) = deadline else {
            return Ok(limit);
        };
        let left = deadline.saturating_duration_since(Instant::now());
        // Zero would mean no limit to the server, which counts milliseconds.
        if left < Duration::from_millis(1) {
            Err(Error::Deadline)
        } else {
            Ok(left.min(limit))
        }
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// How often a transaction is opened anew where the connection turned out to be
/// dead before anything was done with it.
pub(super) const OPENING_TRIES: u32 = 3;
