//! Finds the method of a call: by its gRPC path, or by the binding of its REST
//! path.

use std::sync::Arc;

use http::{Method, request::Parts};
use resido_observability::{metrics::Protocol, spans};
use resido_transcode::RouteError;

use super::gate::{Gate, noted};
use crate::{call::Trail, catalog::Catalog, refusal::Refusal};

/// Finds methods in the catalog.
#[derive(Debug)]
pub(crate) struct FindMethod {
    catalog: Arc<Catalog>,
}

impl FindMethod {
    /// Looks in `catalog`.
    pub(crate) fn new(catalog: Arc<Catalog>) -> Self {
        Self { catalog }
    }
}

impl Gate for FindMethod {
    async fn pass(&self, head: &mut Parts) -> Result<(), Refusal> {
        let trail: Arc<Trail> = noted(&head.extensions)?;
        let protocol: Protocol = noted(&head.extensions)?;
        let endpoint = if protocol == Protocol::Rest {
            let verb = if head.method == Method::HEAD {
                &Method::GET
            } else {
                &head.method
            };
            let route = self
                .catalog
                .api
                .route(verb, head.uri.path())
                .map_err(refuse)?;
            let endpoint = self.catalog.endpoint(&route.method().path).cloned();
            trail.span.record("http.route", route.template());
            head.extensions.insert(Arc::new(route));
            endpoint.ok_or(Refusal::RouteNotFound)?
        } else {
            let endpoint = self.catalog.endpoint(head.uri.path()).cloned();
            endpoint.ok_or(Refusal::MethodUnknown)?
        };
        spans::record_method(&trail.span, &endpoint.method.service, &endpoint.method.name);
        // The only layer that tells it.
        let _first = trail.endpoint.set(Arc::clone(&endpoint)).is_ok();
        head.extensions.insert(endpoint);
        Ok(())
    }
}

fn refuse(error: RouteError) -> Refusal {
    match error {
        RouteError::NotFound => Refusal::RouteNotFound,
        RouteError::MethodNotAllowed { allow } => Refusal::MethodNotAllowed(allow),
        RouteError::BadPath(fault) => Refusal::PathInvalid(fault),
    }
}
