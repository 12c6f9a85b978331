//! One connection, and what the pool must know of it.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use resido_observability::{Metrics, metrics::Discard};
use resido_proto::ids::TenantId;
use tokio::sync::Semaphore;
use tokio_postgres::{CancelToken, Client, NoTls, config::SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{Config, Error};

/// Cancellations under way at once, at most; beyond that a statement ends by its
/// own time limit.
const MAX_CANCELLATIONS: usize = 64;
/// Time one cancellation may take.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection and its record.
pub(super) struct Slot {
    pub(super) client: Client,
    /// A transaction is under way, or was left unfinished.
    busy: AtomicBool,
    /// The opening check failed: not to be trusted again.
    suspect: AtomicBool,
    tenants: HashSet<TenantId>,
    max_tenants: usize,
    expires: Instant,
    canceller: Canceller,
}

impl Slot {
    pub(super) fn set_busy(&self, busy: bool) {
        self.busy.store(busy, Ordering::Release);
    }

    pub(super) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Acquire)
    }

    pub(super) fn set_suspect(&self) {
        self.suspect.store(true, Ordering::Release);
    }

    /// Notes that the connection serves a tenant.
    pub(super) fn served(&mut self, tenant: TenantId) {
        self.tenants.insert(tenant);
    }

    /// Asks the server to stop what the connection is doing, without waiting.
    pub(super) fn cancel(&self) {
        self.canceller.clone().spawn(self.client.cancel_token());
    }

    /// Why the connection must not be used again, if so.
    fn fault(&self) -> Option<Discard> {
        if self.suspect.load(Ordering::Acquire) {
            Some(Discard::CheckFailed)
        } else if self.client.is_closed() {
            Some(Discard::Closed)
        } else if self.is_busy() {
            Some(Discard::Unfinished)
        } else if self.tenants.len() >= self.max_tenants || self.expires < Instant::now() {
            Some(Discard::Recycled)
        } else {
            None
        }
    }
}

#[derive(Clone)]
struct Canceller {
    tls: MakeRustlsConnect,
    permits: Arc<Semaphore>,
}

impl Canceller {
    fn spawn(self, token: CancelToken) {
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
            return;
        };
        // Without a runtime the process is ending, and so are its connections.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        runtime.spawn(async move {
            let cancelled =
                tokio::time::timeout(CANCEL_TIMEOUT, token.cancel_query(self.tls)).await;
            if !matches!(cancelled, Ok(Ok(()))) {
                tracing::debug!("an abandoned statement could not be cancelled");
            }
            drop(permit);
        });
    }
}

/// Opens connections and judges them when they come back.
pub(super) struct Manager {
    pool: &'static str,
    postgres: tokio_postgres::Config,
    max_tenants: usize,
    max_lifetime: Duration,
    canceller: Canceller,
    metrics: Metrics,
}

impl Manager {
    pub(super) fn new(
        pool: &'static str,
        config: &Config,
        postgres: tokio_postgres::Config,
        metrics: Metrics,
    ) -> Result<Self, Error> {
        let permits = Arc::new(Semaphore::new(MAX_CANCELLATIONS));
        Ok(Self {
            pool,
            postgres,
            max_tenants: config.max_tenants_per_connection,
            max_lifetime: config.max_lifetime,
            canceller: Canceller {
                tls: tls()?,
                permits,
            },
            metrics,
        })
    }

    /// Returns a lifetime that differs between connections by up to a tenth
    /// either way, so that they are not all replaced at once.
    fn lifetime(&self) -> Duration {
        let random = uuid::Uuid::new_v4().as_bytes()[0];
        self.max_lifetime
            .mul_f64(0.9 + 0.2 * f64::from(random) / 255.0)
    }
}

impl bb8::ManageConnection for Manager {
    type Connection = Slot;
    type Error = Error;

    async fn connect(&self) -> Result<Slot, Error> {
        let client = connect(&self.postgres, &self.canceller.tls).await?;
        Ok(Slot {
            client,
            busy: AtomicBool::new(false),
            suspect: AtomicBool::new(false),
            tenants: HashSet::new(),
            max_tenants: self.max_tenants,
            expires: Instant::now() + self.lifetime(),
            canceller: self.canceller.clone(),
        })
    }

    async fn is_valid(&self, slot: &mut Slot) -> Result<(), Error> {
        slot.client.check_connection().await.map_err(Error::from)
    }

    fn has_broken(&self, slot: &mut Slot) -> bool {
        let fault = slot.fault();
        if let Some(reason) = fault {
            self.metrics.discarded(self.pool, reason);
        }
        fault.is_some()
    }
}

/// Opens a connection and drives it in a task of its own, which ends with it.
async fn connect(
    config: &tokio_postgres::Config,
    tls: &MakeRustlsConnect,
) -> Result<Client, Error> {
    let client = if config.get_ssl_mode() == SslMode::Disable {
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(drive(connection));
        client
    } else {
        let (client, connection) = config.connect(tls.clone()).await?;
        tokio::spawn(drive(connection));
        client
    };
    Ok(client)
}

async fn drive(connection: impl Future<Output = Result<(), tokio_postgres::Error>>) {
    if let Err(error) = connection.await {
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            "a connection ended"
        );
    }
}

/// Trusts the machine's own certificate authorities.
pub(super) fn tls() -> Result<MakeRustlsConnect, Error> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Error::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}
