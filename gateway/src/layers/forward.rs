//! Sends a gRPC call to the service behind it, byte for byte, with the signed
//! context in place of everything that said who calls.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;
use http::{HeaderValue, header};
use resido_observability::{propagation, spans};
use resido_proto::{deadline::format_grpc, headers, identity::TenantClaims};
use tokio::time::Instant;
use tonic::body::Body;
use tower::Service;
use tracing::Instrument as _;

use super::{deadline::Deadline, gate::noted};
use crate::{
    auth::{Credentials, Principal},
    catalog::Endpoint,
    client::Client,
    context::Minter,
    messages::bound,
    refusal::{Refusal, Stopped},
    standing::{Lost, Standings},
    upstream::{BreaksOff, Until, WithoutTrailers, check, stop},
    wire::{Reply, Request},
};

/// The foot of the stack.
#[derive(Debug, Clone)]
pub(crate) struct Forward {
    minter: Arc<Minter>,
    standings: Standings,
    message_bytes: usize,
}

impl Forward {
    /// Signs contexts with `minter`, ends streams whose caller `standings` does
    /// not know any more, and sends messages of at most so many bytes.
    pub(crate) fn new(minter: Arc<Minter>, standings: Standings, message_bytes: usize) -> Self {
        Self {
            minter,
            standings,
            message_bytes,
        }
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
        let lost: Option<Lost> = self.standings.watch(notes);
        self.address(&mut request, &endpoint, tenant, deadline)?;
        propagation::inject(&span, request.headers_mut());
        // What the layers noted is not for the service.
        std::mem::take(request.extensions_mut());
        let streams = endpoint.method.client_streaming;
        let (head, inner) = request.into_parts();
        let (inner, excess) = bound(Body::new(WithoutTrailers(inner)), self.message_bytes);
        let inner = match stop::end(deadline, lost.clone()) {
            Some(end) if streams => Body::new(BreaksOff::new(inner, end)),
            _ => inner,
        };
        let stop = stop::first(lost, excess);
        let request = Request::from_parts(head, inner);
        let answer = endpoint.transport.send(request).instrument(span.clone());
        let answer = stop::unless(stop.clone(), answer).await?;
        let reply = check(answer, &span)?;
        Ok(match stop::end(deadline, stop) {
            Some(end) => reply.map(|inner| Body::new(Until::new(inner, end))),
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
        let client = request.extensions().get::<Client>().copied();
        let sent = request.headers_mut();
        sent.insert(headers::CONTEXT, context);
        if let Some(Client(address)) = client {
            let address = HeaderValue::from_str(&address.to_string());
            sent.insert(headers::CLIENT, address.map_err(|_| Refusal::Internal)?);
        }
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
