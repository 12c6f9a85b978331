//! Verifies the context, opens the span, keeps the deadline, and turns a panic
//! into a status.

use std::{
    convert::Infallible,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::FutureExt as _;
use http::{HeaderMap, Request, Response};
use resido_observability::{Metrics, propagation, spans};
use resido_proto::{error::to_status, headers};
use tokio::time::{Duration, Instant};
use tonic::{Code, Status, body::Body};
use tower::{Layer, Service};
use tracing::{Instrument as _, Span};

use super::status::identify;
use crate::context::{CallContext, Error, Said, Verifier};

/// Calls to these services need no context: they say nothing of any tenant.
const OPEN: &str = "/grpc.health.v1.Health/";

/// Bytes of one message that a service behind this layer takes: as many as a
/// gateway can be told to let pass. The gateway's own bound, 4 MiB by default, is
/// met before, and nobody without its context gets here.
pub const MAX_MESSAGE_BYTES: usize = 1 << 30;

/// Lets only calls with a valid context through to a service.
#[derive(Debug, Clone)]
pub struct ContextLayer {
    verifier: Arc<Verifier>,
    metrics: Metrics,
}

impl ContextLayer {
    /// Verifies contexts with `verifier`.
    #[must_use]
    pub fn new(verifier: Arc<Verifier>, metrics: Metrics) -> Self {
        Self { verifier, metrics }
    }
}

impl<S> Layer<S> for ContextLayer {
    type Service = ContextService<S>;

    fn layer(&self, inner: S) -> ContextService<S> {
        ContextService {
            inner,
            layer: self.clone(),
        }
    }
}

/// A service behind a [`ContextLayer`].
#[derive(Debug, Clone)]
pub struct ContextService<S> {
    inner: S,
    layer: ContextLayer,
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl<S> Service<Request<Body>> for ContextService<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Answer {
        // The service that was polled ready must be the one that is called.
        let ready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, ready);
        if request.uri().path().starts_with(OPEN) {
            return Box::pin(inner.call(request));
        }
        let span = span(&request);
        let call = match span.in_scope(|| self.layer.admit(request.headers())) {
            Ok(call) => call,
            Err(error) => {
                self.layer
                    .metrics
                    .context_refused(self.layer.verifier.audience());
                tracing::warn!(parent: &span, error = &error as &dyn std::error::Error,
                    "a call came without a valid context");
                let mut refused = to_status(&error).into_http();
                identify(refused.headers_mut(), request_id(request.headers()));
                return Box::pin(async { Ok(refused) });
            }
        };
        record(&span, &call);
        let deadline = call.deadline();
        let request_id = call.request_id().to_owned();
        request.headers_mut().remove(headers::CONTEXT);
        request.extensions_mut().insert(call);
        let answer = guarded(inner.call(request), deadline);
        let outer = span.clone();
        Box::pin(
            async move {
                let mut response = answer.await;
                identify(response.headers_mut(), &request_id);
                record_status(&outer, response.headers());
                Ok(response)
            }
            .instrument(span),
        )
    }
}

impl ContextLayer {
    fn admit(&self, sent: &HeaderMap) -> Result<CallContext, Error> {
        let mut contexts = sent.get_all(headers::CONTEXT).iter();
        let context = contexts.next().ok_or(Error::Missing)?;
        if contexts.next().is_some() {
            return Err(Error::Repeated);
        }
        let token = context
            .to_str()
            .map_err(|_| Error::Malformed("it is not text"))?;
        let principal = self.verifier.verify(token)?;
        let text = |name| sent.get(name).and_then(|value| value.to_str().ok());
        let deadline = text(headers::GRPC_TIMEOUT)
            .and_then(resido_proto::deadline::parse_grpc)
            .and_then(|left| Instant::now().checked_add(left));
        let said = Said {
            request_id: request_id(sent),
            deadline,
            client: text(headers::CLIENT).and_then(|address| address.parse().ok()),
            idempotency_key: text(headers::IDEMPOTENCY_KEY),
        };
        Ok(CallContext::new(principal, said))
    }
}

/// Runs a call until it ends, its deadline passes, or it panics.
async fn guarded<E>(
    call: impl Future<Output = Result<Response<Body>, E>>,
    deadline: Option<Instant>,
) -> Response<Body> {
    let far = || Instant::now() + Duration::from_secs(24 * 60 * 60);
    let bounded = tokio::time::timeout_at(deadline.unwrap_or_else(far), call);
    match AssertUnwindSafe(bounded).catch_unwind().await {
        Ok(Ok(Ok(response))) => response,
        Ok(Ok(Err(_)) | Err(_)) => to_status(&crate::db::Error::Deadline).into_http(),
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().copied();
            let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
            tracing::error!(
                panic = text.unwrap_or("of another type"),
                "a handler panicked"
            );
            to_status(&crate::db::Error::Ended).into_http()
        }
    }
}

fn span(request: &Request<Body>) -> Span {
    let mut path = request.uri().path().split('/').skip(1);
    let (service, method) = (
        path.next().unwrap_or_default(),
        path.next().unwrap_or_default(),
    );
    let span = spans::service_server(service, method, request_id(request.headers()));
    propagation::adopt(&span, request.headers());
    span
}

fn request_id(sent: &HeaderMap) -> &str {
    let id = sent.get(headers::REQUEST_ID);
    id.and_then(|id| id.to_str().ok()).unwrap_or_default()
}

fn record(span: &Span, call: &CallContext) {
    let principal = call.principal();
    if let Some(tenant) = &principal.tenant {
        spans::record_tenant(span, &tenant.tid.to_string());
    }
    spans::record_user(span, &principal.subject.to_string());
}

/// Records a status that came without a body; one that follows a body is seen by
/// the gateway.
fn record_status(span: &Span, sent: &HeaderMap) {
    let code = Status::from_header_map(sent).map_or(Code::Ok, |status| status.code());
    let error = (code != Code::Ok).then(|| format!("{code:?}"));
    spans::record_code(span, code.into(), error.as_deref());
}
