//! What is known of a call under way, and what is told of it at its end.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicI32, Ordering},
};

use resido_observability::{RequestId, metrics::InFlight, metrics::Protocol};
use resido_proto::ids::TenantId;
use tokio::sync::OwnedSemaphorePermit;
use tracing::Span;

use crate::catalog::Endpoint;

/// What the layers find out about a call, for its log line, span and metrics.
/// Travels with the request; each fact is told once.
#[derive(Debug)]
pub(crate) struct Trail {
    pub(crate) request_id: RequestId,
    pub(crate) span: Span,
    pub(crate) protocol: OnceLock<Protocol>,
    pub(crate) endpoint: OnceLock<Arc<Endpoint>>,
    pub(crate) tenant: OnceLock<TenantId>,
    pub(crate) in_flight: OnceLock<InFlight>,
    /// The place it takes among the calls that are under way.
    pub(crate) place: OnceLock<OwnedSemaphorePermit>,
    /// Its place among the streams of callers without a credential.
    pub(crate) stream_place: OnceLock<OwnedSemaphorePermit>,
    code: AtomicI32,
}

impl Trail {
    /// The code of calls of which no other is known: that of callers who left.
    const CANCELLED: i32 = 1;

    /// Begins a call.
    pub(crate) fn new(request_id: RequestId, span: Span) -> Self {
        Self {
            request_id,
            span,
            protocol: OnceLock::new(),
            endpoint: OnceLock::new(),
            tenant: OnceLock::new(),
            in_flight: OnceLock::new(),
            place: OnceLock::new(),
            stream_place: OnceLock::new(),
            code: AtomicI32::new(Self::CANCELLED),
        }
    }

    /// Tells how the call ended, as a gRPC code.
    pub(crate) fn set_code(&self, code: i32) {
        self.code.store(code, Ordering::Release);
    }

    /// Returns how the call ended, as a gRPC code.
    pub(crate) fn code(&self) -> i32 {
        self.code.load(Ordering::Acquire)
    }
}
