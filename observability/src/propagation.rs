//! Trace context over the wire.
//!
//! *Source*: W3C Trace Context; W3C Baggage, of which at most 8 KiB are passed
//! on.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{
    Context,
    propagation::{Extractor, Injector, TextMapPropagator as _},
    trace::TraceContextExt as _,
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// Baggage that is longer than this is dropped, in bytes.
const MAX_BAGGAGE_BYTES: usize = 8 * 1024;
const BAGGAGE: HeaderName = HeaderName::from_static("baggage");

/// Makes a span a child of the one that the headers name, if they name one.
pub fn adopt(span: &Span, headers: &HeaderMap) {
    let remote = TraceContextPropagator::new().extract(&Headers(headers));
    if remote.span().span_context().is_valid() {
        // Fails only where no tracer listens, and then there is nothing to join.
        let _joined = span.set_parent(remote).is_ok();
    }
}

/// Writes the span into the headers of an outgoing call, in place of what they
/// held before.
pub fn inject(span: &Span, headers: &mut HeaderMap) {
    let context = span.context();
    if context.span().span_context().is_valid() {
        inject_context(&context, headers);
    }
    let baggage_bytes: usize = headers.get_all(&BAGGAGE).iter().map(HeaderValue::len).sum();
    if baggage_bytes > MAX_BAGGAGE_BYTES {
        headers.remove(&BAGGAGE);
    }
}

fn inject_context(context: &Context, headers: &mut HeaderMap) {
    headers.remove("traceparent");
    headers.remove("tracestate");
    TraceContextPropagator::new().inject_context(context, &mut HeadersMut(headers));
}

/// Returns the span's trace id in lower-case hexadecimal, if it has one.
#[must_use]
pub fn trace_id(span: &Span) -> Option<String> {
    let context = span.context();
    let context = context.span().span_context().clone();
    context.is_valid().then(|| context.trace_id().to_string())
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

struct HeadersMut<'a>(&'a mut HeaderMap);

impl Injector for HeadersMut<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(name), Ok(value)) = (key.parse::<HeaderName>(), HeaderValue::try_from(value)) {
            self.0.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::{Config, build};

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn o1_a_trace_goes_on_through_a_span() {
        let (dispatch, _guard) = build(&Config::default(), std::io::sink).unwrap();
        tracing::dispatcher::with_default(&dispatch, || {
            let mut headers = HeaderMap::new();
            headers.insert("traceparent", HeaderValue::from_static(PARENT));
            let span = tracing::info_span!("request");
            adopt(&span, &headers);
            assert_eq!(trace_id(&span).unwrap(), "0af7651916cd43dd8448eb211c80319c");
            inject(&span, &mut headers);
            let sent = headers["traceparent"].to_str().unwrap();
            assert!(
                sent.starts_with("00-0af7651916cd43dd8448eb211c80319c-"),
                "{sent}"
            );
            assert!(
                !sent.contains("b7ad6b7169203331"),
                "the parent is now our span: {sent}"
            );
        });
    }

    #[test]
    fn o1_baggage_is_bounded_and_a_broken_parent_ignored() {
        let (dispatch, _guard) = build(&Config::default(), std::io::sink).unwrap();
        tracing::dispatcher::with_default(&dispatch, || {
            let mut headers = HeaderMap::new();
            headers.insert("traceparent", HeaderValue::from_static("00-zz-yy-01"));
            headers.insert("baggage", HeaderValue::try_from("k=".repeat(5000)).unwrap());
            let span = tracing::info_span!("request");
            adopt(&span, &headers);
            assert_eq!(trace_id(&span).unwrap().len(), 32);
            inject(&span, &mut headers);
            assert!(!headers.contains_key("baggage"));
        });
    }
}
