//! Set-up: where log lines and spans go.
//!
//! Trace ids exist even where no collector is configured, so that logs can be
//! tied together and an incoming trace is passed on.

use std::{io::IsTerminal as _, time::Duration};

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::{
    Resource,
    trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, SpanLimits},
};
use serde::Deserialize;
use tracing::{Dispatch, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Layer as _, Registry, fmt::MakeWriter, layer::SubscriberExt as _,
};

use crate::logs::{Lines, Style};

/// Spans that wait for the exporter at most; further ones are dropped.
const MAX_QUEUED_SPANS: usize = 8192;
/// How long the end of the process waits for the last spans.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(3);

/// What is written where.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How log lines look; default `auto`.
    pub log_format: LogFormat,
    /// Whether lines for people are coloured on a terminal; default true.
    pub colours: bool,
    /// Which log lines are written, in the notation of `RUST_LOG`; default `info`.
    pub log: String,
    /// `service.name` of spans; default `resido`.
    pub service_name: String,
    /// URL of an OTLP/gRPC collector, such as `http://127.0.0.1:4317`; none by
    /// default.
    pub otlp_endpoint: Option<String>,
    /// Share of new traces that are recorded, from 0 to 1; default 1. A caller's
    /// own decision is followed.
    pub sample_ratio: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            log_format: LogFormat::Auto,
            colours: true,
            log: "info".to_owned(),
            service_name: "resido".to_owned(),
            otlp_endpoint: None,
            sample_ratio: 1.0,
        }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Pretty on a terminal, JSON elsewhere.
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}

/// The set-up could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log filter cannot be read.
    #[error("the log filter cannot be read")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// The exporter cannot be made.
    #[error("the OTLP exporter cannot be made")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    /// Another set-up is in force already.
    #[error("logging is set up already")]
    Installed(#[from] tracing::dispatcher::SetGlobalDefaultError),
}

/// Keeps the exporter alive; flushes it at the end.
#[derive(Debug)]
pub struct Guard {
    provider: SdkTracerProvider,
}

impl Guard {
    /// Sends what is still queued, for at most three seconds. Blocks: call it at
    /// the end of the process, or on a thread for blocking work.
    pub fn shutdown(self) {
        if let Err(error) = self.provider.shutdown_with_timeout(SHUTDOWN_TIMEOUT) {
            tracing::debug!(%error, "the last spans could not be sent");
        }
    }
}

/// Makes the set-up the process's own, with log lines on standard error.
///
/// # Errors
/// If the filter or the endpoint is wrong, or a set-up is in force already.
pub fn install(config: &Config) -> Result<Guard, Error> {
    let (dispatch, guard) = build(config, std::io::stderr)?;
    tracing::dispatcher::set_global_default(dispatch)?;
    Ok(guard)
}

/// Makes a set-up that writes log lines to `writer`, without putting it in
/// force. Needs a tokio runtime where an endpoint is configured.
///
/// # Errors
/// If the filter or the endpoint is wrong.
pub fn build<W>(config: &Config, writer: W) -> Result<(Dispatch, Guard), Error>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let provider = provider(config)?;
    let spans = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("resido"))
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_filter(LevelFilter::INFO);
    let filter = EnvFilter::try_new(&config.log)?;
    let pretty = match config.log_format {
        LogFormat::Pretty => true,
        LogFormat::Json => false,
        LogFormat::Auto => std::io::stderr().is_terminal(),
    };
    let registry = Registry::default().with(spans);
    let coloured = config.colours && std::io::stderr().is_terminal();
    let style = match (pretty, coloured) {
        (false, _) => Style::Json,
        (true, false) => Style::Plain,
        (true, true) => Style::Coloured,
    };
    let lines = Lines::new(style, writer).with_filter(filter);
    let dispatch = Dispatch::new(registry.with(lines));
    Ok((dispatch, Guard { provider }))
}

fn provider(config: &Config) -> Result<SdkTracerProvider, Error> {
    let resource = Resource::builder()
        .with_service_name(config.service_name.clone())
        .build();
    let ratio = if config.otlp_endpoint.is_some() {
        config.sample_ratio
    } else {
        0.0
    };
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(ratio)));
    let limits = SpanLimits {
        max_attributes_per_span: 64,
        ..SpanLimits::default()
    };
    let mut builder = SdkTracerProvider::builder()
        .with_resource(resource)
        .with_sampler(sampler)
        .with_span_limits(limits);
    if let Some(endpoint) = &config.otlp_endpoint {
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint)
            .with_timeout(Duration::from_secs(5))
            .build()?;
        let batch = BatchConfigBuilder::default()
            .with_max_queue_size(MAX_QUEUED_SPANS)
            .with_scheduled_delay(Duration::from_secs(1))
            .build();
        let processor = BatchSpanProcessor::builder(exporter)
            .with_batch_config(batch)
            .build();
        builder = builder.with_span_processor(processor);
    }
    Ok(builder.build())
}
