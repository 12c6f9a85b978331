//! Opens a call's span and trail, and closes them when the last byte of the
//! answer is out or the caller has left: one log line, one count.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Uri};
use http_body::{Frame, SizeHint};
use resido_observability::{
    Metrics, RequestId, metrics::Outcome, metrics::Protocol, propagation, spans,
};
use resido_proto::headers;
use tonic::{Code, Status, body::Body};
use tower::{Layer, Service};
use tracing::Instrument as _;

use crate::{
    call::Trail,
    wire::{Reply, Request},
};

/// Observes every call.
#[derive(Debug, Clone)]
pub(crate) struct ObserveLayer {
    metrics: Metrics,
}

impl ObserveLayer {
    /// Counts with `metrics`.
    pub(crate) fn new(metrics: Metrics) -> Self {
        Self { metrics }
    }
}

impl<S> Layer<S> for ObserveLayer {
    type Service = Observe<S>;

    fn layer(&self, inner: S) -> Observe<S> {
        Observe {
            inner,
            metrics: self.metrics.clone(),
        }
    }
}

/// A service whose calls are observed.
#[derive(Debug, Clone)]
pub(crate) struct Observe<S> {
    inner: S,
    metrics: Metrics,
}

impl<S> Service<Request> for Observe<S>
where
    S: Service<Request, Response = Reply, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Reply;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Reply, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let mut sent = request.headers().get_all(headers::REQUEST_ID).iter();
        let one = sent.next().filter(|_| sent.next().is_none());
        let id = RequestId::accept(one.and_then(|id| id.to_str().ok()));
        let span = spans::gateway_server(request.method().as_str(), id.as_str());
        propagation::adopt(&span, request.headers());
        if let Some(trace) = propagation::trace_id(&span) {
            span.record("trace_id", trace);
        }
        // The id has only characters that a header may hold.
        let header = HeaderValue::from_str(id.as_str()).ok();
        if let Some(header) = &header {
            request
                .headers_mut()
                .insert(headers::REQUEST_ID, header.clone());
        }
        let trail = Arc::new(Trail::new(id, span.clone()));
        request.extensions_mut().insert(Arc::clone(&trail));
        let uri = request.uri().clone();
        let mut end = End {
            uri,
            trail,
            metrics: self.metrics.clone(),
            started: Instant::now(),
            status: None,
        };
        let call = self.inner.call(request);
        let observed = async move {
            let mut reply = call.await?;
            if let Some(header) = header {
                reply.headers_mut().insert(headers::REQUEST_ID, header);
            }
            end.status = Some(reply.status().as_u16());
            Ok(reply.map(|inner| Body::new(Watched { inner, _end: end })))
        };
        Box::pin(observed.instrument(span))
    }
}

/// Closes a call when dropped.
struct End {
    trail: Arc<Trail>,
    /// Shares its bytes with the request.
    uri: Uri,
    metrics: Metrics,
    started: Instant,
    /// The HTTP status, once there is one.
    status: Option<u16>,
}

impl Drop for End {
    fn drop(&mut self) {
        let trail = &self.trail;
        let code = trail.code();
        let endpoint = trail.endpoint.get();
        let (service, method) = endpoint.map_or(("_unrouted", ""), |endpoint| {
            (&endpoint.method.service, &endpoint.method.name)
        });
        let tenant = trail.tenant.get().map(ToString::to_string);
        let duration = self.started.elapsed();
        self.metrics.request(&Outcome {
            service,
            method,
            protocol: trail.protocol.get().copied().unwrap_or(Protocol::Rest),
            code,
            tenant: tenant.as_deref(),
            duration,
        });
        if endpoint.is_none() {
            spans::record_path(&trail.span, self.uri.path());
        }
        let error = (code != 0).then(|| format!("{:?}", Code::from_i32(code)));
        spans::record_code(&trail.span, code, error.as_deref());
        if let Some(status) = self.status {
            trail.span.record("http.response.status_code", status);
        }
        tracing::info!(
            parent: &trail.span,
            duration_ms = (duration.as_secs_f64() * 1_000_000.0).round() / 1000.0,
            "request answered"
        );
    }
}

/// The body of an answer; the call ends with it.
struct Watched {
    inner: Body,
    _end: End,
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    // A body that is over from the start is replaced by an empty one, and the
    // call ends here and now.
    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
