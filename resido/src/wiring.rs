//! Puts the parts together: keys, layers and upstreams.

use std::sync::Arc;

use anyhow::Result;
use jsonwebtoken::jwk::JwkSet;
use resido_gateway::Upstream;
use resido_observability::Metrics;
use resido_proto::DESCRIPTOR_SET;
use resido_tenancy::{context::Verifier, keys::SigningKey, server::ContextLayer};
use tonic::service::Routes;

use crate::{data_dir::DataDir, settings::Settings};

/// Key that signs access tokens.
pub(crate) const TOKEN_KEY: &str = "token-key.pem";
/// Key that signs contexts.
pub(crate) const CONTEXT_KEY: &str = "context-key.pem";

/// A service of ours, as the gateway sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    /// To whom contexts are addressed.
    pub(crate) name: &'static str,
    /// Full names of its gRPC services.
    pub(crate) services: &'static [&'static str],
}

/// Tenants, people and credentials.
pub(crate) const CONTROL_PLANE: Part = Part {
    name: resido_control_plane::NAME,
    services: &[
        "resido.tenancy.v1.TenantService",
        "resido.identity.v1.AuthService",
        "resido.identity.v1.UserService",
    ],
};
/// The example domain.
pub(crate) const HOUSING: Part = Part {
    name: resido_housing::NAME,
    services: &["resido.housing.v1.HousingService"],
};

impl Part {
    /// Returns the layer in front of the service, which trusts the keys.
    pub(crate) fn layer(self, keys: &JwkSet, metrics: &Metrics) -> (Arc<Verifier>, ContextLayer) {
        let verifier = Arc::new(Verifier::new(keys, self.name));
        let layer = ContextLayer::new(Arc::clone(&verifier), metrics.clone());
        (verifier, layer)
    }

    /// Returns the upstream of the service in this process.
    pub(crate) fn in_process(self, routes: Routes, layer: &ContextLayer) -> Upstream {
        Upstream::in_process(self.name, DESCRIPTOR_SET, self.services, routes, layer)
    }

    /// Returns the upstream of the service at an address.
    pub(crate) fn remote(self, endpoints: &[String]) -> Result<Upstream> {
        Ok(Upstream::remote(
            self.name,
            DESCRIPTOR_SET,
            self.services,
            endpoints,
        )?)
    }
}

/// Returns the signing key in a file of the data directory, made on first use.
pub(crate) fn key(dir: &DataDir, file: &str) -> Result<SigningKey> {
    let pem = dir.secret(file, || Ok(SigningKey::generate_pem()?))?;
    Ok(SigningKey::from_pem(&pem)?)
}

/// Returns the upstreams of the configuration. One that names a part of ours and
/// no descriptor set is that part.
pub(crate) fn configured(settings: &Settings) -> (Vec<Upstream>, Vec<anyhow::Error>) {
    let (mut upstreams, mut faults) = (Vec::new(), Vec::new());
    for config in &settings.gateway.upstreams {
        let mut config = config.clone();
        let part = [CONTROL_PLANE, HOUSING]
            .into_iter()
            .find(|part| part.name == config.name);
        if let Some(part) = part.filter(|_| config.descriptor_set.is_none()) {
            let services = || part.services.iter().map(ToString::to_string).collect();
            config.services.get_or_insert_with(services);
        }
        let built_in = part.map(|_| DESCRIPTOR_SET);
        match Upstream::from_config(&config, &settings.base_dir, built_in) {
            Ok(upstream) => upstreams.push(upstream),
            Err(fault) => faults.push(fault.into()),
        }
    }
    (upstreams, faults)
}
