//! Puts the parts together: keys, layers and upstreams.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use jsonwebtoken::jwk::JwkSet;
use resido_gateway::{Access, Gateway, HttpRule, MethodConfig, Upstream};
use resido_migrations::Sets;
use resido_observability::Metrics;
use resido_proto::DESCRIPTOR_SET;
use resido_tenancy::{
    context::{Signer, Verifier},
    db::Config,
    keys::SigningKey,
    server::ContextLayer,
};
use secrecy::SecretString;
use tonic::service::Routes;

use crate::{data_dir::DataDir, settings::Settings};

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

/// Returns how the housing service reaches its tables.
pub(crate) fn housing_database(settings: &Settings, url: SecretString, sets: &Sets) -> Config {
    let least = resido_housing::LEAST_SCHEMA_VERSION;
    settings.database.service(url, least, sets)
}

/// Google's service, whose proto carries no policy of ours.
const OPERATIONS: &str = "google.longrunning.Operations";

/// Tenants, people and credentials.
pub(crate) const CONTROL_PLANE: Part = Part {
    name: resido_control_plane::NAME,
    services: &[
        "resido.tenancy.v1.TenantService",
        "resido.identity.v1.AuthService",
        "resido.identity.v1.UserService",
        "resido.identity.v1.RoleService",
        "resido.identity.v1.ApiKeyService",
        "resido.identity.v1.AuditService",
        "resido.tenancy.v1.UsageService",
        OPERATIONS,
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
        let services = self.services;
        self.with_policies(Upstream::in_process(
            self.name,
            DESCRIPTOR_SET,
            services,
            routes,
            layer,
        ))
    }

    /// Returns the upstream of the service at an address.
    pub(crate) fn remote(self, endpoints: &[String]) -> Result<Upstream> {
        let upstream = Upstream::remote(self.name, DESCRIPTOR_SET, self.services, endpoints)?;
        Ok(self.with_policies(upstream))
    }

    /// States what the protos of others cannot say.
    fn with_policies(self, upstream: Upstream) -> Upstream {
        if self.services.contains(&OPERATIONS) {
            upstream.with_methods(operation_methods(), operation_rules())
        } else {
            upstream
        }
    }
}

/// Who may call what of operations: support reads, administrators change.
fn operation_methods() -> Vec<MethodConfig> {
    let method = |name: &str, roles: &[&str], timeout| MethodConfig {
        selector: format!("{OPERATIONS}.{name}"),
        access: Access::Platform,
        roles: roles.iter().map(ToString::to_string).collect(),
        timeout,
    };
    let (all, admins) = (["platform_admin", "platform_support"], ["platform_admin"]);
    // A wait is over after a minute, and then there is an answer to be sent.
    let wait = Some(Duration::from_secs(65));
    vec![
        method("ListOperations", &all, None),
        method("GetOperation", &all, None),
        method("WaitOperation", &all, wait),
        method("CancelOperation", &admins, None),
        method("DeleteOperation", &admins, None),
    ]
}

/// The bindings that the proto leaves out; the others are in its annotations.
fn operation_rules() -> Vec<HttpRule> {
    vec![HttpRule {
        selector: format!("{OPERATIONS}.WaitOperation"),
        post: Some("/v1/{name=operations/*}:wait".to_owned()),
        body: "*".to_owned(),
        ..HttpRule::default()
    }]
}

/// Returns the settings of the control plane, whose mails go into the data
/// directory where nothing else is set.
pub(crate) fn control_plane(settings: &Settings, dir: &DataDir) -> resido_control_plane::Config {
    let mut config = settings.control_plane.clone();
    let outbox = &mut config.mail.outbox_dir;
    *outbox = if outbox.as_os_str().is_empty() {
        dir.path().join("outbox")
    } else {
        settings.resolve(outbox)
    };
    config
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
            if config
                .services
                .iter()
                .flatten()
                .any(|service| service == OPERATIONS)
            {
                // Before the file's own entries: later ones win.
                config.methods.splice(0..0, operation_methods());
                config.http_rules.splice(0..0, operation_rules());
            }
        }
        let built_in = part.map(|_| DESCRIPTOR_SET);
        match Upstream::from_config(&config, &settings.base_dir, built_in) {
            Ok(upstream) => upstreams.push(upstream),
            Err(fault) => faults.push(fault.into()),
        }
    }
    (upstreams, faults)
}

/// Adds the parts that run apart to the configuration, and returns its upstreams.
/// `named` are `name=url`, and win over the file's entries.
pub(crate) fn apart(settings: &mut Settings, named: &[String]) -> Result<Vec<Upstream>> {
    let mut parts = Vec::new();
    for entry in named {
        let (name, url) = entry
            .split_once('=')
            .context("an upstream is named as NAME=URL")?;
        parts.push((name.to_owned(), url.to_owned()));
    }
    let is_known = |parts: &[(String, String)], settings: &Settings| {
        let in_file = settings
            .gateway
            .upstreams
            .iter()
            .map(|upstream| &upstream.name);
        parts
            .iter()
            .map(|(name, _)| name)
            .chain(in_file)
            .any(|name| name == CONTROL_PLANE.name)
    };
    if let Some(url) = settings.gateway.control_plane.clone()
        && !is_known(&parts, settings)
    {
        parts.push((CONTROL_PLANE.name.to_owned(), url));
    }
    settings
        .gateway
        .upstreams
        .retain(|upstream| !parts.iter().any(|(name, _)| *name == upstream.name));
    let (mut upstreams, faults) = configured(settings);
    if let Some(fault) = faults.into_iter().next() {
        return Err(fault);
    }
    for (name, url) in parts {
        let part = [CONTROL_PLANE, HOUSING]
            .into_iter()
            .find(|part| part.name == name);
        let part = part.with_context(|| format!("`{name}` is no built-in service"))?;
        upstreams.push(part.remote(&[url])?);
    }
    Ok(upstreams)
}

/// Builds a gateway to look at: that of `resido up`, or `alone` that of `resido
/// gateway`. It is not served, and nothing is connected to.
pub(crate) fn described(settings: &Settings, alone: bool) -> Result<Gateway> {
    let mut settings = settings.clone();
    let nowhere = || "http://127.0.0.1:1".to_owned();
    let upstreams = if alone {
        apart(&mut settings, &[])?
    } else {
        settings.gateway.control_plane = None;
        let named = [CONTROL_PLANE, HOUSING].map(|part| format!("{}={}", part.name, nowhere()));
        apart(&mut settings, &named)?
    };
    let signer = Signer::new(SigningKey::from_pem(&SigningKey::generate_pem()?)?);
    Ok(Gateway::new(
        &settings.gateway,
        upstreams,
        signer,
        Metrics::default(),
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_parts_of_ours_can_be_named_on_the_command_line() {
        let named = |entry: &str| apart(&mut Settings::default(), &[entry.to_owned()]);
        assert_eq!(named("housing=http://127.0.0.1:50052").unwrap().len(), 1);
        assert!(named("http://127.0.0.1:50052").is_err());
        assert!(named("other=http://127.0.0.1:1").is_err());
    }

    #[test]
    fn the_url_of_the_control_plane_makes_it_an_upstream() {
        let mut settings = Settings::default();
        settings.gateway.control_plane = Some("http://127.0.0.1:50051".to_owned());
        assert_eq!(apart(&mut settings, &[]).unwrap().len(), 1);
        let twice = ["control-plane=http://127.0.0.1:1".to_owned()];
        assert_eq!(apart(&mut settings, &twice).unwrap().len(), 1);
    }
}
