//! The table of all metrics: what dashboards and alerts may rely on.

/// What a metric is called and means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Info {
    /// The name as a Prometheus server stores it.
    pub name: &'static str,
    /// What one label set counts or measures, with its unit.
    pub help: &'static str,
    /// Names of the labels; each has a bounded number of values.
    pub labels: &'static [&'static str],
}

const fn info(name: &'static str, help: &'static str, labels: &'static [&'static str]) -> Info {
    Info { name, help, labels }
}

pub(super) const REQUESTS: Info = info(
    "resido_gateway_requests_total",
    "Requests that the gateway answered",
    &["service", "method", "protocol", "code", "tenant"],
);
pub(super) const REQUEST_SECONDS: Info = info(
    "resido_gateway_request_duration_seconds",
    "Time from a request's arrival to the end of its answer, in seconds",
    &["service", "method", "protocol", "tenant"],
);
pub(super) const IN_FLIGHT: Info = info(
    "resido_gateway_requests_in_flight",
    "Requests that are being answered",
    &["service", "method", "tenant"],
);
pub(super) const DIRECTORY_TENANTS: Info = info(
    "resido_gateway_directory_tenants",
    "Tenants that the gateway knows",
    &[],
);
pub(super) const WATCH_CONNECTED: Info = info(
    "resido_gateway_watch_connected",
    "Whether the gateway hears of changes from the control plane: 1 or 0",
    &[],
);
pub(super) const API_KEY_LOOKUPS: Info = info(
    "resido_gateway_api_key_lookups_total",
    "API keys that callers showed, by whether they were known (hit), known to be \
     wrong (negative), asked for (miss), or not asked for because too many were \
     (shed)",
    &["result"],
);
pub(super) const POOL_CONNECTIONS: Info = info(
    "resido_db_pool_connections",
    "Connections to the database, idle and in use",
    &["pool"],
);
pub(super) const POOL_IDLE: Info = info(
    "resido_db_pool_idle_connections",
    "Idle connections to the database",
    &["pool"],
);
pub(super) const TRANSACTIONS: Info = info(
    "resido_db_transactions_total",
    "Transactions that were opened",
    &["pool"],
);
pub(super) const DISCARDED: Info = info(
    "resido_db_connections_discarded_total",
    "Connections that were thrown away rather than used again",
    &["pool", "reason"],
);
pub(super) const CONTEXT_REFUSED: Info = info(
    "resido_service_contexts_refused_total",
    "Calls to a service that came without a valid signed context",
    &["service"],
);
pub(super) const WATCH_STREAMS: Info = info(
    "resido_control_watch_streams",
    "Streams of changes that the control plane serves",
    &[],
);

/// Every metric of the product.
pub const METRICS: &[Info] = &[
    REQUESTS,
    REQUEST_SECONDS,
    IN_FLIGHT,
    DIRECTORY_TENANTS,
    WATCH_CONNECTED,
    API_KEY_LOOKUPS,
    POOL_CONNECTIONS,
    POOL_IDLE,
    TRANSACTIONS,
    DISCARDED,
    CONTEXT_REFUSED,
    WATCH_STREAMS,
];
