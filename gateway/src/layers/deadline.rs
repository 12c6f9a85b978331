//! Bounds how long a call takes, its answer included.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;
use tokio::time::Instant;
use tower::{Layer, Service};

use super::gate::noted;
use crate::{
    catalog::Endpoint,
    config::Bounds,
    deadline,
    refusal::{Refusal, Stopped},
    wire::{Reply, Request},
};

/// The moment until which a call may take; noted for the layers below.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(pub(crate) Instant);

/// Gives each call its deadline.
#[derive(Debug, Clone)]
pub(crate) struct DeadlineLayer {
    bounds: Bounds,
}

impl DeadlineLayer {
    /// Methods that do not say otherwise may take as long as `bounds` says.
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { bounds }
    }
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = Bounded<S>;

    fn layer(&self, inner: S) -> Bounded<S> {
        Bounded {
            inner,
            bounds: self.bounds,
        }
    }
}

/// A service whose calls have a deadline.
#[derive(Debug, Clone)]
pub(crate) struct Bounded<S> {
    inner: S,
    bounds: Bounds,
}

impl<S> Service<Request> for Bounded<S>
where
    S: Service<Request, Response = Reply, Error = Stopped>,
    S::Future: Send + 'static,
{
    type Response = Reply;
    type Error = Stopped;
    type Future = BoxFuture<'static, Result<Reply, Stopped>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Stopped>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let allowed = noted::<Arc<Endpoint>>(request.extensions()).and_then(|endpoint| {
            let streams = endpoint.streams();
            deadline::allowed(request.headers(), &endpoint.policy, streams, self.bounds)
        });
        let until = match allowed {
            Ok(time) => time.and_then(|time| Instant::now().checked_add(time)),
            Err(refusal) => return Box::pin(async { Err(refusal.into()) }),
        };
        let Some(until) = until else {
            return Box::pin(self.inner.call(request));
        };
        request.extensions_mut().insert(Deadline(until));
        let call = tokio::time::timeout_at(until, self.inner.call(request));
        Box::pin(async move { call.await.unwrap_or(Err(Refusal::DeadlineExceeded.into())) })
    }
}
