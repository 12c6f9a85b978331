//! The gateway's own calls to the control plane.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;
use http::HeaderValue;
use resido_proto::headers;
use tower::Service;

use crate::{
    context::Minter,
    upstream::Transport,
    wire::{BoxError, Reply, Request},
};

/// A way to the control plane that shows the gateway's own context. Made for
/// the generated clients.
#[derive(Debug, Clone)]
pub(crate) struct ControlPlane {
    transport: Transport,
    minter: Arc<Minter>,
    upstream: Arc<str>,
}

impl ControlPlane {
    /// Name of the upstream that is the control plane.
    pub(crate) const NAME: &'static str = "control-plane";

    /// Calls over `transport`.
    pub(crate) fn new(transport: Transport, minter: Arc<Minter>) -> Self {
        Self {
            transport,
            minter,
            upstream: Self::NAME.into(),
        }
    }

    async fn send(self, mut request: Request) -> Result<Reply, BoxError> {
        let context = self.minter.own(&self.upstream)?;
        let context = HeaderValue::from_str(&context)?;
        request.headers_mut().insert(headers::CONTEXT, context);
        Ok(self.transport.send(request).await?)
    }
}

impl Service<Request> for ControlPlane {
    type Response = Reply;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Reply, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        Box::pin(self.clone().send(request))
    }
}
