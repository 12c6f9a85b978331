//! The pool: hands out connections, one per transaction.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bb8::{PooledConnection, RunError};
use resido_observability::Metrics;
use tokio::{sync::watch, time::Instant};

use super::{
    Config, Error,
    slot::{Manager, Slot},
};

/// Failures to connect are logged no more often than this.
const LOG_INTERVAL: Duration = Duration::from_secs(1);

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
    failures: watch::Sender<()>,
    is_closed: Arc<AtomicBool>,
}

/// Hears of connections that could not be opened: the pool tells nobody who
/// waits for one.
#[derive(Debug, Clone)]
struct Failures {
    told: watch::Sender<()>,
    logged: Arc<Mutex<Option<Instant>>>,
    is_closed: Arc<AtomicBool>,
}

impl Failures {
    fn new(told: watch::Sender<()>, is_closed: Arc<AtomicBool>) -> Self {
        Self {
            told,
            logged: Arc::default(),
            is_closed,
        }
    }
}

impl bb8::ErrorSink<Error> for Failures {
    fn sink(&self, error: Error) {
        if self.is_closed.load(Ordering::Acquire) {
            return;
        }
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        // While the database is away, every caller that waits tries.
        if logged.is_none_or(|at| at.elapsed() > LOG_INTERVAL) {
            *logged = Some(Instant::now());
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a connection to the database could not be opened"
            );
        }
        self.told.send_replace(());
    }

    fn boxed_clone(&self) -> Box<dyn bb8::ErrorSink<Error>> {
        Box::new(self.clone())
    }
}

impl Pool {
    /// Prepares a pool; connections are opened when they are needed.
    pub(super) fn new(name: &'static str, config: Config, metrics: Metrics) -> Result<Self, Error> {
        let postgres = config.parse(&format!("resido {name}"))?;
        let database = postgres.get_dbname().unwrap_or_default().to_owned();
        let manager = Manager::new(name, &config, postgres, metrics.clone())?;
        let failures = watch::Sender::new(());
        let is_closed = Arc::<AtomicBool>::default();
        let pool = bb8::Pool::builder()
            .max_size(config.max_connections.max(1))
            .connection_timeout(config.acquire_timeout)
            .test_on_check_out(false)
            // A slot carries its own age: the pool's would be the same for all.
            .max_lifetime(None)
            .idle_timeout(Duration::from_secs(300))
            .retry_connection(false)
            .error_sink(Box::new(Failures::new(
                failures.clone(),
                Arc::clone(&is_closed),
            )))
            .queue_strategy(bb8::QueueStrategy::Lifo)
            .build_unchecked(manager);
        Ok(Self {
            name,
            database,
            config,
            metrics,
            pool,
            failures,
            is_closed,
        })
    }

    /// Gives out no connection any more, and says nothing of those that are still
    /// being opened.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
    }

    /// Takes a connection, waiting no longer than the deadline. Where none is
    /// open and none can be opened, there is nothing to wait for.
    pub(super) async fn lease(&self, deadline: Option<Instant>) -> Result<Lease, Error> {
        if self.is_closed.load(Ordering::Acquire) {
            return Err(Error::Away(None));
        }
        let taken = async {
            let mut failures = self.failures.subscribe();
            tokio::select! {
                lease = self.pool.get_owned() => lease.map_err(|error| match error {
                    RunError::User(error) => error,
                    RunError::TimedOut if self.is_empty() => Error::Away(None),
                    RunError::TimedOut => Error::PoolBusy,
                }),
                () = self.hopeless(&mut failures) => Err(Error::Away(None)),
            }
        };
        let leased = match deadline {
            Some(deadline) => tokio::time::timeout_at(deadline, taken)
                .await
                .map_err(|_| Error::Deadline)?,
            None => taken.await,
        };
        let state = self.pool.state();
        self.metrics
            .pool(self.name, state.connections, state.idle_connections);
        leased
    }

    /// Opens a connection that is never in the pool.
    pub(super) async fn dedicated(&self) -> Result<Slot, Error> {
        self.pool.dedicated_connection().await
    }

    /// Waits until a connection could not be opened while there is no other.
    async fn hopeless(&self, failures: &mut watch::Receiver<()>) {
        while failures.changed().await.is_ok() {
            if self.is_empty() {
                return;
            }
        }
        std::future::pending().await
    }

    fn is_empty(&self) -> bool {
        self.pool.state().connections == 0
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
