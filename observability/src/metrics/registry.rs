//! The counters behind the table, and the text that a Prometheus server reads.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use prometheus_client::{
    encoding::text,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Metric, Registry},
};

use super::{
    label::{self, Protocol, Tenants},
    table::{self, Info},
};

/// Tenants with a label value of their own, by default.
const DEFAULT_TENANTS: usize = 200;
/// Upper bounds of the latency buckets, in seconds.
const BUCKETS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Counts everything; clones count together.
#[derive(Debug, Clone)]
pub struct Metrics {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    registry: Registry,
    tenants: Tenants,
    requests: Family<label::Request, Counter>,
    seconds: Family<label::Duration, Histogram, fn() -> Histogram>,
    in_flight: Family<label::Running, Gauge>,
    directory_tenants: Gauge,
    watch_connected: Gauge,
    api_key_lookups: Family<label::Looked, Counter>,
    connections: Family<label::Pool, Gauge>,
    idle: Family<label::Pool, Gauge>,
    transactions: Family<label::Pool, Counter>,
    discarded: Family<label::Discarded, Counter>,
    contexts_refused: Family<label::Service, Counter>,
    watch_streams: Gauge,
}

/// Why a connection was thrown away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discard {
    /// A transaction was left unfinished: cancelled, panicked or failed.
    Unfinished,
    /// The opening check did not find the expected schema and role.
    CheckFailed,
    /// The server closed it.
    Closed,
    /// It was old, or had served many tenants.
    Recycled,
}

/// What came of looking whose an API key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyLookup {
    /// It was known.
    Hit,
    /// It was known to be wrong.
    Negative,
    /// The control plane was asked.
    Miss,
    /// Too many were being asked for.
    Shed,
}

/// How a request ended.
#[derive(Debug, Clone)]
pub struct Outcome<'a> {
    /// Full name of the service; `_unrouted` where no method was found.
    pub service: &'a str,
    /// Name of the method.
    pub method: &'a str,
    /// How the caller spoke.
    pub protocol: Protocol,
    /// The gRPC code.
    pub code: i32,
    /// The tenant, if there was one.
    pub tenant: Option<&'a str>,
    /// From arrival to the end of the answer.
    pub duration: Duration,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new(DEFAULT_TENANTS)
    }
}

impl Metrics {
    /// Starts at zero; at most `tenants` tenants get a label value of their own.
    #[must_use]
    pub fn new(tenants: usize) -> Self {
        let mut registry = Registry::default();
        let seconds: fn() -> Histogram = || Histogram::new(BUCKETS);
        let inner = Inner {
            tenants: Tenants::new(tenants),
            requests: add(&mut registry, &table::REQUESTS, Family::default()),
            seconds: add(
                &mut registry,
                &table::REQUEST_SECONDS,
                Family::new_with_constructor(seconds),
            ),
            in_flight: add(&mut registry, &table::IN_FLIGHT, Family::default()),
            directory_tenants: add(&mut registry, &table::DIRECTORY_TENANTS, Gauge::default()),
            watch_connected: add(&mut registry, &table::WATCH_CONNECTED, Gauge::default()),
            api_key_lookups: add(&mut registry, &table::API_KEY_LOOKUPS, Family::default()),
            connections: add(&mut registry, &table::POOL_CONNECTIONS, Family::default()),
            idle: add(&mut registry, &table::POOL_IDLE, Family::default()),
            transactions: add(&mut registry, &table::TRANSACTIONS, Family::default()),
            discarded: add(&mut registry, &table::DISCARDED, Family::default()),
            contexts_refused: add(&mut registry, &table::CONTEXT_REFUSED, Family::default()),
            watch_streams: add(&mut registry, &table::WATCH_STREAMS, Gauge::default()),
            registry,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Counts a request that was answered.
    pub fn request(&self, outcome: &Outcome<'_>) {
        let tenant = self.inner.tenants.label(outcome.tenant);
        let (service, method) = (outcome.service.to_owned(), outcome.method.to_owned());
        let (protocol, code) = (outcome.protocol, outcome.code);
        let by_time = label::Duration {
            service: service.clone(),
            method: method.clone(),
            protocol,
            tenant: tenant.clone(),
        };
        self.inner
            .seconds
            .get_or_create(&by_time)
            .observe(outcome.duration.as_secs_f64());
        let by_code = label::Request {
            service,
            method,
            protocol,
            code,
            tenant,
        };
        self.inner.requests.get_or_create(&by_code).inc();
    }

    /// Counts a request as running until the guard is dropped.
    #[must_use]
    pub fn in_flight(&self, service: &str, method: &str, tenant: Option<&str>) -> InFlight {
        let labels = label::Running {
            service: service.to_owned(),
            method: method.to_owned(),
            tenant: self.inner.tenants.label(tenant),
        };
        let gauge = self.inner.in_flight.get_or_create_owned(&labels);
        gauge.inc();
        InFlight {
            gauge,
            started: Instant::now(),
        }
    }

    /// Says how many tenants the gateway knows.
    pub fn directory_tenants(&self, count: usize) {
        self.inner
            .directory_tenants
            .set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Says whether the gateway hears of changes.
    pub fn watch_connected(&self, connected: bool) {
        self.inner.watch_connected.set(i64::from(connected));
    }

    /// Counts a look at whose an API key is.
    pub fn key_lookup(&self, result: KeyLookup) {
        let result = match result {
            KeyLookup::Hit => "hit",
            KeyLookup::Negative => "negative",
            KeyLookup::Miss => "miss",
            KeyLookup::Shed => "shed",
        };
        let labels = label::Looked { result };
        self.inner.api_key_lookups.get_or_create(&labels).inc();
    }

    /// Counts a stream of changes as served until the guard is dropped.
    #[must_use]
    pub fn watch_stream(&self) -> InFlight {
        let gauge = self.inner.watch_streams.clone();
        gauge.inc();
        InFlight {
            gauge,
            started: Instant::now(),
        }
    }

    /// Says how many connections a pool has, and how many of them are idle.
    pub fn pool(&self, pool: &'static str, connections: u32, idle: u32) {
        let labels = label::Pool { pool };
        self.inner
            .connections
            .get_or_create(&labels)
            .set(i64::from(connections));
        self.inner.idle.get_or_create(&labels).set(i64::from(idle));
    }

    /// Counts a transaction that was opened.
    pub fn transaction(&self, pool: &'static str) {
        self.inner
            .transactions
            .get_or_create(&label::Pool { pool })
            .inc();
    }

    /// Counts a connection that was thrown away.
    pub fn discarded(&self, pool: &'static str, reason: Discard) {
        let reason = match reason {
            Discard::Unfinished => "unfinished",
            Discard::CheckFailed => "check_failed",
            Discard::Closed => "closed",
            Discard::Recycled => "recycled",
        };
        self.inner
            .discarded
            .get_or_create(&label::Discarded { pool, reason })
            .inc();
    }

    /// Counts a call that came without a valid context.
    pub fn context_refused(&self, service: &str) {
        let labels = label::Service {
            service: service.to_owned(),
        };
        self.inner.contexts_refused.get_or_create(&labels).inc();
    }

    /// Returns all metrics in the OpenMetrics text format.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _written = text::encode(&mut text, &self.inner.registry).is_ok();
        text
    }
}

/// A request or a stream that is running.
#[derive(Debug)]
pub struct InFlight {
    gauge: Gauge,
    started: Instant,
}

impl InFlight {
    /// Returns how long it has been running.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.gauge.dec();
    }
}

fn add<M: Metric + Clone>(registry: &mut Registry, info: &Info, metric: M) -> M {
    // The encoder adds the ending of counters by itself.
    let name = info.name.strip_suffix("_total").unwrap_or(info.name);
    registry.register(name, info.help, metric.clone());
    metric
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn o3_requests_are_counted_by_method_protocol_code_and_tenant() {
        let metrics = Metrics::default();
        let running = metrics.in_flight("a.S", "Get", Some("t1"));
        assert!(metrics.render().contains(
            "resido_gateway_requests_in_flight{service=\"a.S\",method=\"Get\",tenant=\"t1\"} 1"
        ));
        metrics.request(&Outcome {
            service: "a.S",
            method: "Get",
            protocol: Protocol::GrpcWeb,
            code: 5,
            tenant: Some("t1"),
            duration: running.elapsed(),
        });
        drop(running);
        let text = metrics.render();
        let count = "resido_gateway_requests_total{service=\"a.S\",method=\"Get\",\
                     protocol=\"grpc_web\",code=\"5\",tenant=\"t1\"} 1";
        assert!(text.contains(count), "{text}");
        assert!(
            text.contains("tenant=\"t1\"} 0\n"),
            "the gauge went down: {text}"
        );
    }

    #[test]
    fn every_metric_of_the_table_is_registered() {
        let metrics = Metrics::default();
        drop(metrics.in_flight("s", "m", None));
        metrics.request(&Outcome {
            service: "s",
            method: "m",
            protocol: Protocol::Rest,
            code: 0,
            tenant: None,
            duration: Duration::ZERO,
        });
        metrics.directory_tenants(1);
        metrics.watch_connected(true);
        metrics.key_lookup(KeyLookup::Miss);
        metrics.pool("app", 2, 1);
        metrics.transaction("app");
        metrics.discarded("app", Discard::Unfinished);
        metrics.context_refused("housing");
        let text = metrics.render();
        for info in table::METRICS {
            let name = info.name.strip_suffix("_total").unwrap_or(info.name);
            assert!(
                text.contains(&format!("# HELP {name} ")),
                "{name} is missing"
            );
        }
    }
}
