//! A layer that looks at a request's head and lets it pass or not. The body is
//! out of reach: what a gate decides is decided before any of it is read.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;
use http::{Extensions, request::Parts};
use tower::{Layer, Service};

use crate::{
    refusal::{Refusal, Stopped},
    wire::{Reply, Request},
};

/// Decides whether a request goes on, and notes what it finds in the head's
/// extensions.
pub(crate) trait Gate: Send + Sync + 'static {
    /// Lets the request pass.
    ///
    /// # Errors
    /// Why it does not.
    fn pass(&self, head: &mut Parts) -> impl Future<Output = Result<(), Refusal>> + Send;
}

/// Returns what an earlier layer noted.
///
/// # Errors
/// [`Refusal::Internal`] if the stack lacks that layer.
pub(crate) fn noted<T: Clone + Send + Sync + 'static>(notes: &Extensions) -> Result<T, Refusal> {
    notes.get::<T>().cloned().ok_or(Refusal::Internal)
}

/// Puts a [`Gate`] before a service.
#[derive(Debug)]
pub(crate) struct GateLayer<G>(Arc<G>);

impl<G> GateLayer<G> {
    /// Shares the gate between all connections.
    pub(crate) fn new(gate: G) -> Self {
        Self(Arc::new(gate))
    }
}

impl<G> Clone for GateLayer<G> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S, G> Layer<S> for GateLayer<G> {
    type Service = Gated<S, G>;

    fn layer(&self, inner: S) -> Gated<S, G> {
        Gated {
            inner,
            gate: Arc::clone(&self.0),
        }
    }
}

/// A service behind a [`Gate`].
#[derive(Debug)]
pub(crate) struct Gated<S, G> {
    inner: S,
    gate: Arc<G>,
}

impl<S: Clone, G> Clone for Gated<S, G> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            gate: Arc::clone(&self.gate),
        }
    }
}

impl<S, G: Gate> Service<Request> for Gated<S, G>
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
        let ready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, ready);
        let gate = Arc::clone(&self.gate);
        Box::pin(async move {
            let (mut head, body) = request.into_parts();
            gate.pass(&mut head).await?;
            inner.call(Request::from_parts(head, body)).await
        })
    }
}

#[cfg(test)]
mod tests {
    use tonic::body::Body;
    use tower::{ServiceExt as _, service_fn};

    use super::*;

    struct Closed;

    impl Gate for Closed {
        async fn pass(&self, _: &mut Parts) -> Result<(), Refusal> {
            Err(Refusal::TenantDenied)
        }
    }

    #[tokio::test]
    async fn i3_what_a_gate_refuses_goes_no_further() {
        let inner = service_fn(|_: Request| async { panic!("the request passed") });
        let service = GateLayer::new(Closed).layer(inner);
        let refused: Result<Reply, Stopped> = service.oneshot(Request::new(Body::empty())).await;
        assert!(matches!(
            refused,
            Err(Stopped::Refused(Refusal::TenantDenied))
        ));
    }
}
