//! Sends a gRPC call to the service behind it, byte for byte, with the signed
//! context in place of everything that said who calls.

use std::{
    future::Future as _,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body::{Frame, SizeHint};
use resido_observability::{propagation, spans};
use resido_proto::{deadline::format_grpc, headers, identity::TenantClaims};
use tokio::time::{Instant, Sleep};
use tonic::{Code, Status, body::Body};
use tower::Service;
use tracing::{Instrument as _, Span};

use super::{deadline::Deadline, gate::noted};
use crate::{
    auth::{Credentials, Principal},
    catalog::Endpoint,
    context::Minter,
    refusal::{Refusal, Stopped},
    render::code_in,
    wire::{Reply, Request},
};

/// The foot of the stack.
#[derive(Debug, Clone)]
pub(crate) struct Forward {
    minter: Arc<Minter>,
}

impl Forward {
    /// Signs contexts with `minter`.
    pub(crate) fn new(minter: Arc<Minter>) -> Self {
        Self { minter }
    }

    async fn send(self, mut request: Request) -> Result<Reply, Stopped> {
        let notes = request.extensions();
        let endpoint: Arc<Endpoint> = noted(notes)?;
        let deadline = notes.get::<Deadline>().map(|deadline| deadline.0);
        let tenant: Option<TenantClaims> = noted(notes)?;
        let span = spans::upstream_client(
            &endpoint.upstream,
            &endpoint.method.service,
            &endpoint.method.name,
        );
        if let Some(tenant) = &tenant {
            spans::record_tenant(&span, &tenant.tid.to_string());
        }
        self.address(&mut request, &endpoint, tenant, deadline)?;
        propagation::inject(&span, request.headers_mut());
        // What the layers noted is not for the service.
        std::mem::take(request.extensions_mut());
        let streams = endpoint.method.client_streaming;
        let request = request.map(|inner| {
            let inner = Body::new(WithoutTrailers(inner));
            match deadline {
                Some(until) if streams => Body::new(BreaksOff::new(inner, until)),
                _ => inner,
            }
        });
        let answer = endpoint
            .transport
            .send(request)
            .instrument(span.clone())
            .await;
        let reply = check(answer?, &span)?;
        Ok(match deadline {
            Some(until) => reply.map(|inner| Body::new(Until::new(inner, until))),
            None => reply,
        })
    }

    /// Writes the headers that the service relies on.
    fn address(
        &self,
        request: &mut Request,
        endpoint: &Endpoint,
        tenant: Option<TenantClaims>,
        deadline: Option<Instant>,
    ) -> Result<(), Refusal> {
        let principal: Arc<Principal> = noted(request.extensions())?;
        let shown: Credentials = noted(request.extensions())?;
        let context = self
            .minter
            .for_caller(&endpoint.upstream, &principal, tenant)
            .map_err(|error| {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a context could not be signed"
                );
                Refusal::Internal
            })?;
        let context = HeaderValue::from_str(&context).map_err(|_| Refusal::Internal)?;
        let sent = request.headers_mut();
        sent.insert(headers::CONTEXT, context);
        sent.insert(header::TE, HeaderValue::from_static("trailers"));
        sent.remove(header::HOST);
        sent.remove(headers::REQUEST_TIMEOUT);
        if let Some(until) = deadline {
            let left = format_grpc(until.saturating_duration_since(Instant::now()));
            let left = HeaderValue::from_str(&left).map_err(|_| Refusal::Internal)?;
            sent.insert(headers::GRPC_TIMEOUT, left);
        }
        if let Some(authorization) = shown
            .authorization()
            .filter(|_| endpoint.policy.forward_authorization)
        {
            sent.insert(header::AUTHORIZATION, authorization.clone());
        }
        Ok(())
    }
}

impl Service<Request> for Forward {
    type Response = Reply;
    type Error = Stopped;
    type Future = BoxFuture<'static, Result<Reply, Stopped>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Stopped>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        Box::pin(self.clone().send(request))
    }
}

/// Lets gRPC replies through and turns anything else into a status.
fn check(reply: Reply, span: &Span) -> Result<Reply, Stopped> {
    let kind = reply
        .headers()
        .get(header::CONTENT_TYPE)
        .map(HeaderValue::as_bytes);
    let is_grpc = kind.is_some_and(|kind| kind.starts_with(b"application/grpc"));
    if reply.status() == StatusCode::OK && is_grpc {
        if let Some(code) = code_in(reply.headers()) {
            let error = (code != Code::Ok).then(|| format!("{code:?}"));
            spans::record_code(span, code.into(), error.as_deref());
        }
        return Ok(reply);
    }
    tracing::warn!(
        http.response.status_code = reply.status().as_u16(),
        "a service answered without gRPC"
    );
    if reply.status() == StatusCode::OK {
        return Err(Refusal::UpstreamInvalid.into());
    }
    let code = code_of_http(reply.status());
    Err(Stopped::Answered(Box::new(Status::new(
        code,
        "the service gave no gRPC answer",
    ))))
}

/// *Source*: gRPC, "HTTP to gRPC Status Code Mapping".
fn code_of_http(status: StatusCode) -> Code {
    match status.as_u16() {
        400 => Code::Internal,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::Unimplemented,
        429 | 502 | 503 | 504 => Code::Unavailable,
        _ => Code::Unknown,
    }
}

/// A request's body without trailers: gRPC has none, and identity could hide in
/// them.
struct WithoutTrailers(Body);

impl http_body::Body for WithoutTrailers {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match Pin::new(&mut self.0).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) if frame.is_trailers() => Poll::Ready(None),
            polled => polled,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

/// A request's body that breaks off at the deadline. A service that was answering
/// already would wait for the rest of it otherwise, when nobody waits for it.
struct BreaksOff {
    inner: Body,
    end: Pin<Box<Sleep>>,
}

impl BreaksOff {
    fn new(inner: Body, until: Instant) -> Self {
        let end = Box::pin(tokio::time::sleep_until(until));
        Self { inner, end }
    }
}

impl http_body::Body for BreaksOff {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        if self.end.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.inner = Body::empty();
        Poll::Ready(Some(Err(Status::cancelled("the deadline is over"))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A reply's body that ends at the deadline with a status that says so.
struct Until {
    inner: Body,
    end: Pin<Box<Sleep>>,
    over: bool,
}

impl Until {
    fn new(inner: Body, until: Instant) -> Self {
        Self {
            inner,
            end: Box::pin(tokio::time::sleep_until(until)),
            over: false,
        }
    }
}

impl http_body::Body for Until {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.over {
            return Poll::Ready(None);
        }
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        if self.end.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.over = true;
        // Dropping the inner body tells the service that nobody waits.
        self.inner = Body::empty();
        let mut trailers = HeaderMap::new();
        let status = resido_proto::error::to_status(&Refusal::DeadlineExceeded);
        match status.add_header(&mut trailers) {
            Ok(()) => Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
            Err(status) => Poll::Ready(Some(Err(status))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http_body_util::{BodyExt as _, StreamBody};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn l2_a_stream_ends_at_its_deadline_with_a_status() {
        let endless = futures_util::stream::pending::<Result<Frame<Bytes>, Status>>();
        let body = Until::new(
            Body::new(StreamBody::new(endless)),
            Instant::now() + Duration::from_secs(5),
        );
        let started = Instant::now();
        let trailers = body.collect().await.unwrap().trailers().cloned().unwrap();
        assert_eq!(trailers["grpc-status"], "4");
        assert_eq!(started.elapsed().as_secs(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn l2_a_stream_that_is_sent_breaks_off_at_its_deadline() {
        let first = Ok::<_, Status>(Frame::data(Bytes::from_static(b"a")));
        let endless = futures_util::stream::iter([first]);
        let endless = futures_util::StreamExt::chain(endless, futures_util::stream::pending());
        let until = Instant::now() + Duration::from_secs(5);
        let mut body = BreaksOff::new(Body::new(StreamBody::new(endless)), until);
        assert!(body.frame().await.unwrap().is_ok());
        assert!(body.frame().await.unwrap().is_err());
        assert_eq!(Instant::now(), until);
    }

    #[tokio::test]
    async fn g8_trailers_of_a_request_go_nowhere() {
        let frames = [
            Ok::<_, Status>(Frame::data(Bytes::from_static(b"a"))),
            Ok(Frame::trailers(HeaderMap::new())),
        ];
        let body = WithoutTrailers(Body::new(StreamBody::new(futures_util::stream::iter(
            frames,
        ))));
        let collected = body.collect().await.unwrap();
        assert!(collected.trailers().is_none());
        assert_eq!(collected.to_bytes(), "a");
    }

    #[test]
    fn l6_answers_without_grpc_become_statuses() {
        for (http, code) in [
            (404, Code::Unimplemented),
            (503, Code::Unavailable),
            (418, Code::Unknown),
        ] {
            let mut reply = Reply::new(Body::empty());
            *reply.status_mut() = StatusCode::from_u16(http).unwrap();
            match check(reply, &Span::none()) {
                Err(Stopped::Answered(status)) => assert_eq!(status.code(), code),
                other => panic!("{other:?}"),
            }
        }
        let html = check(Reply::new(Body::empty()), &Span::none());
        assert!(matches!(
            html,
            Err(Stopped::Refused(Refusal::UpstreamInvalid))
        ));
    }
}
