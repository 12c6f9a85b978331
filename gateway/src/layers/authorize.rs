//! Asks whether the caller may use the method, before any of the body is read.

use std::sync::Arc;

use http::request::Parts;
use resido_observability::{Metrics, spans};
use resido_proto::identity::TenantClaims;

use super::gate::{Gate, noted};
use crate::{auth::Principal, call::Trail, catalog::Endpoint, rbac, refusal::Refusal};

/// Authorizes by the method's policy, and counts the calls that go on.
#[derive(Debug)]
pub(crate) struct Authorize {
    metrics: Metrics,
}

impl Authorize {
    /// Counts with `metrics`.
    pub(crate) fn new(metrics: Metrics) -> Self {
        Self { metrics }
    }
}

impl Gate for Authorize {
    async fn pass(&self, head: &mut Parts) -> Result<(), Refusal> {
        let endpoint: Arc<Endpoint> = noted(&head.extensions)?;
        let principal: Arc<Principal> = noted(&head.extensions)?;
        let tenant: Option<TenantClaims> = noted(&head.extensions)?;
        let trail: Arc<Trail> = noted(&head.extensions)?;
        spans::record_user(&trail.span, &principal.subject.to_string());
        if let Some(actor) = &principal.actor {
            spans::record_actor(&trail.span, &actor.to_string());
        }
        rbac::authorize(&endpoint.policy, &principal, tenant.is_some())?;
        let tenant = tenant.map(|claims| claims.tid.to_string());
        let (service, method) = (&endpoint.method.service, &endpoint.method.name);
        let running = self.metrics.in_flight(service, method, tenant.as_deref());
        // The only layer that tells it.
        let _first = trail.in_flight.set(running).is_ok();
        Ok(())
    }
}
