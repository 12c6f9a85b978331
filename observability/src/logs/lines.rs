//! Log lines: what an event and the spans around it say, on one line.
//!
//! Fields of the spans stand beside the event's own, so that each line of a
//! request names its tenant, method and request id; the inner one wins where a
//! name is used twice. No value can start a line of its own.

use std::{fmt, io::Write as _};

use serde_json::{Map, Value};
use time::OffsetDateTime;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{Layer, fmt::MakeWriter, layer::Context, registry::LookupSpan};

use super::style::{Line, Style};

/// Writes each event as a line.
#[derive(Debug)]
pub(crate) struct Lines<W> {
    style: Style,
    writer: W,
}

impl<W> Lines<W> {
    /// Writes to `writer`.
    pub(crate) fn new(style: Style, writer: W) -> Self {
        Self { style, writer }
    }
}

/// The fields of a span, kept beside it.
struct Fields(Map<String, Value>);

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        let mut fields = Map::new();
        attributes.record(&mut Collect(&mut fields));
        if let Some(span) = ctx.span(id) {
            span.extensions_mut().insert(Fields(fields));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, ctx: Context<'_, S>) {
        if let Some(span) = ctx.span(id)
            && let Some(Fields(fields)) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(&mut Collect(fields));
        }
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        let mut fields = Map::new();
        for span in ctx
            .event_scope(event)
            .into_iter()
            .flat_map(|scope| scope.from_root())
        {
            if let Some(Fields(own)) = span.extensions().get::<Fields>() {
                fields.extend(
                    own.iter()
                        .map(|(name, value)| (name.clone(), value.clone())),
                );
            }
        }
        event.record(&mut Collect(&mut fields));
        let line = Line {
            time: OffsetDateTime::now_utc(),
            level: *event.metadata().level(),
            target: event.metadata().target(),
            fields,
        };
        let text = self.style.write(line);
        // There is nowhere left to report a log that cannot be written.
        let _written = self.writer.make_writer().write_all(text.as_bytes()).is_ok();
    }
}

struct Collect<'a>(&'a mut Map<String, Value>);

impl Collect<'_> {
    fn insert(&mut self, field: &Field, value: impl Into<Value>) {
        // `otel.*` fields steer the exporter and say nothing to a reader.
        if !field.name().starts_with("otel.") {
            self.0.insert(field.name().to_owned(), value.into());
        }
    }
}

impl Visit for Collect<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.insert(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.insert(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let causes = std::iter::successors(Some(value), |error| error.source());
        let text: Vec<_> = causes.map(ToString::to_string).collect();
        self.insert(field, text.join(": "));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.insert(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::setup::{Config, LogFormat, build};

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn o4_a_line_names_its_tenant_and_cannot_be_split() {
        let written = Shared::default();
        let writer = written.clone();
        let config = Config {
            log_format: LogFormat::Json,
            ..Config::default()
        };
        let (dispatch, _guard) = build(&config, move || writer.clone()).unwrap();
        tracing::dispatcher::with_default(&dispatch, || {
            let span = crate::spans::gateway_server("GET", "r-1");
            crate::spans::record_tenant(&span, "t-1");
            let _entered = span.enter();
            tracing::info!(
                path = "/a\n{\"level\":\"ERROR\"}",
                duration_ms = 3,
                "request"
            );
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["tenant.id"], "t-1");
        assert_eq!(line["request.id"], "r-1");
        assert_eq!(line["duration_ms"], 3);
        assert_eq!(line["message"], "request");
        assert!(line.get("otel.kind").is_none());
    }
}
