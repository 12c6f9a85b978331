//! Finds out who calls, where the method asks for it.

use std::sync::Arc;

use http::request::Parts;

use super::gate::{Gate, noted};
use crate::{
    auth::{Authenticator, Credentials, Principal},
    catalog::Endpoint,
    rbac,
    refusal::Refusal,
};

/// Verifies credentials.
#[derive(Debug)]
pub(crate) struct Authenticate {
    authenticator: Arc<Authenticator>,
}

impl Authenticate {
    /// Asks `authenticator`.
    pub(crate) fn new(authenticator: Arc<Authenticator>) -> Self {
        Self { authenticator }
    }
}

impl Gate for Authenticate {
    async fn pass(&self, head: &mut Parts) -> Result<(), Refusal> {
        let endpoint: Arc<Endpoint> = noted(&head.extensions)?;
        let principal = if rbac::needs_principal(&endpoint.policy) {
            let shown: Credentials = noted(&head.extensions)?;
            self.authenticator.authenticate(&shown).await?
        } else {
            // A stale token must not keep its holder from logging in again.
            Arc::new(Principal::ANONYMOUS)
        };
        head.extensions.insert(principal);
        Ok(())
    }
}
