//! Finds the one tenant of a call.

use std::sync::Arc;

use http::request::Parts;
use resido_observability::spans;
use resido_tenancy::directory::Directory;

use super::gate::{Gate, noted};
use crate::{
    auth::{Credentials, Principal},
    call::Trail,
    catalog::Endpoint,
    refusal::Refusal,
    tenant::{self, Named},
};

/// Resolves tenants in the directory.
#[derive(Debug)]
pub(crate) struct ResolveTenant {
    directory: Directory,
    base_domains: Vec<String>,
}

impl ResolveTenant {
    /// Looks in `directory`; hosts below the base domains name tenants.
    pub(crate) fn new(directory: Directory, base_domains: &[String]) -> Self {
        let base_domains = base_domains
            .iter()
            .map(|domain| domain.to_ascii_lowercase());
        Self {
            directory,
            base_domains: base_domains.collect(),
        }
    }
}

impl Gate for ResolveTenant {
    async fn pass(&self, head: &mut Parts) -> Result<(), Refusal> {
        let endpoint: Arc<Endpoint> = noted(&head.extensions)?;
        let principal: Arc<Principal> = noted(&head.extensions)?;
        let shown: Credentials = noted(&head.extensions)?;
        let named = Named::read(&shown, &self.base_domains)?;
        let claims = tenant::resolve(&principal, &named, &endpoint.policy, &self.directory)?;
        head.extensions.insert(named);
        if let Some(claims) = &claims {
            let trail: Arc<Trail> = noted(&head.extensions)?;
            spans::record_tenant(&trail.span, &claims.tid.to_string());
            // The only layer that tells it.
            let _first = trail.tenant.set(claims.tid).is_ok();
        }
        head.extensions.insert(claims);
        Ok(())
    }
}
