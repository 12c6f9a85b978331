//! Turns REST calls into gRPC calls and their replies back; gRPC passes
//! untouched.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;
use resido_transcode::Route;
use tower::{Layer, Service};

use super::gate::noted;
use crate::{
    call::Trail,
    config::Limits,
    refusal::Stopped,
    render::Renderer,
    rest::{Rest, raw_stream, server_stream, unary},
    wire::{Reply, Request},
};

/// Transcodes REST calls.
#[derive(Debug, Clone)]
pub(crate) struct TranscodeLayer {
    rest: Rest,
    renderer: Renderer,
}

impl TranscodeLayer {
    /// Reads within `limits`; errors within streams are written by `renderer`.
    pub(crate) fn new(limits: &Limits, renderer: Renderer) -> Self {
        Self {
            rest: Rest::new(limits),
            renderer,
        }
    }
}

impl<S> Layer<S> for TranscodeLayer {
    type Service = Transcode<S>;

    fn layer(&self, inner: S) -> Transcode<S> {
        Transcode {
            inner,
            layer: self.clone(),
        }
    }
}

/// A gRPC service that takes REST calls as well.
#[derive(Debug, Clone)]
pub(crate) struct Transcode<S> {
    inner: S,
    layer: TranscodeLayer,
}

impl<S> Service<Request> for Transcode<S>
where
    S: Service<Request, Response = Reply, Error = Stopped> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Reply;
    type Error = Stopped;
    type Future = BoxFuture<'static, Result<Reply, Stopped>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Stopped>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let Some(route) = request.extensions().get::<Arc<Route>>().cloned() else {
            return Box::pin(self.inner.call(request));
        };
        let ready = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, ready);
        let TranscodeLayer { rest, renderer } = self.layer.clone();
        Box::pin(async move {
            let trail: Arc<Trail> = noted(request.extensions())?;
            match (route.method().server_streaming, route.raw_response()) {
                (false, _) => unary(rest, inner, request, route, trail).await,
                (true, false) => {
                    server_stream(rest, inner, request, route, (trail, renderer)).await
                }
                (true, true) => raw_stream(rest, inner, request, route, (trail, renderer)).await,
            }
        })
    }
}
