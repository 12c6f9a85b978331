//! Turns what stopped a call into an answer, and sees how each call ends.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body::{Frame, SizeHint};
use resido_observability::metrics::Protocol;
use tonic::{Status, body::Body};
use tower::{Layer, Service};

use super::gate::noted;
use crate::{
    call::Trail,
    refusal::Stopped,
    render::{Renderer, end_in_body},
    wire::{Reply, Request, code_in},
};

/// Renders what stops calls.
#[derive(Debug, Clone)]
pub(crate) struct RenderLayer {
    renderer: Renderer,
}

impl RenderLayer {
    /// Writes with `renderer`.
    pub(crate) fn new(renderer: Renderer) -> Self {
        Self { renderer }
    }
}

impl<S> Layer<S> for RenderLayer {
    type Service = Render<S>;

    fn layer(&self, inner: S) -> Render<S> {
        Render {
            inner,
            renderer: self.renderer.clone(),
        }
    }
}

/// A service that always answers.
#[derive(Debug, Clone)]
pub(crate) struct Render<S> {
    inner: S,
    renderer: Renderer,
}

impl<S> Service<Request> for Render<S>
where
    S: Service<Request, Response = Reply, Error = Stopped>,
    S::Future: Send + 'static,
{
    type Response = Reply;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Reply, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Layers below are always ready: each call waits for itself.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let protocol: Protocol = noted(request.extensions()).unwrap_or(Protocol::Rest);
        let trail = noted::<Arc<Trail>>(request.extensions());
        let renderer = self.renderer.clone();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let trail = trail.unwrap_or_else(|_| {
                Arc::new(Trail::new(Default::default(), tracing::Span::none()))
            });
            Ok(match answer.await {
                Ok(reply) if protocol == Protocol::Rest => reply,
                Ok(reply) => watch(reply, protocol, trail),
                Err(stopped) => renderer.stopped(protocol, &stopped, &trail),
            })
        })
    }
}

/// Notes the code of a gRPC reply, wherever it stands.
fn watch(reply: Reply, protocol: Protocol, trail: Arc<Trail>) -> Reply {
    if let Some(code) = code_in(reply.headers()) {
        trail.set_code(code.into());
        return if protocol == Protocol::GrpcWeb {
            end_in_body(reply)
        } else {
            reply
        };
    }
    reply.map(|inner| Body::new(Coded { inner, trail }))
}

/// A gRPC body whose trailers are looked at as they pass.
struct Coded {
    inner: Body,
    trail: Arc<Trail>,
}

impl http_body::Body for Coded {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(code) = frame.trailers_ref().and_then(code_in) {
                    self.trail.set_code(code.into());
                }
            }
            Poll::Ready(Some(Err(status))) => self.trail.set_code(status.code().into()),
            Poll::Ready(None) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
