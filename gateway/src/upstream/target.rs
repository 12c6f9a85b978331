//! What the gateway knows of a service, and how a call reaches it.

use std::{convert::Infallible, fmt, path::Path};

use resido_tenancy::server::ContextLayer;
use resido_transcode::{HttpRule, JsonOptions};
use tonic::service::Routes;
use tower::{Layer as _, ServiceExt as _, util::BoxCloneSyncService};

use super::remote::Remote;
use crate::{
    config::{Access, MethodConfig, UpstreamConfig},
    error::Error,
    refusal::Refusal,
    wire::{Reply, Request},
};

/// A service behind the gateway: its methods, their policies, and the way to it.
#[derive(Debug)]
pub struct Upstream {
    pub(crate) name: String,
    pub(crate) descriptor_set: Vec<u8>,
    pub(crate) services: Option<Vec<String>>,
    pub(crate) default_access: Access,
    pub(crate) json: JsonOptions,
    pub(crate) methods: Vec<MethodConfig>,
    pub(crate) http_rules: Vec<HttpRule>,
    pub(crate) transport: Transport,
}

impl Upstream {
    /// Calls a service in this process: through the same layer, with the same
    /// signed context, as if it ran apart.
    #[must_use]
    pub fn in_process(
        name: &str,
        descriptor_set: &[u8],
        services: &[&str],
        routes: Routes,
        context: &ContextLayer,
    ) -> Self {
        let service = context.layer(routes.prepare());
        let transport = Transport::InProcess(BoxCloneSyncService::new(service));
        Self::built_in(name, descriptor_set, services, transport)
    }

    /// Calls a service in another process.
    ///
    /// # Errors
    /// [`Error::Upstreams`] if an endpoint is no `http://host:port`.
    pub fn remote(
        name: &str,
        descriptor_set: &[u8],
        services: &[&str],
        endpoints: &[String],
    ) -> Result<Self, Error> {
        let transport = Transport::remote(name, endpoints)?;
        Ok(Self::built_in(name, descriptor_set, services, transport))
    }

    /// Reads a service's descriptors as an entry of the configuration says;
    /// relative paths begin at `folder`. `built_in` serves entries that name no
    /// file.
    ///
    /// # Errors
    /// [`Error::DescriptorSet`] if the file cannot be read,
    /// [`Error::Upstreams`] if there is none or an endpoint is wrong.
    pub fn from_config(
        config: &UpstreamConfig,
        folder: &Path,
        built_in: Option<&[u8]>,
    ) -> Result<Self, Error> {
        let descriptor_set = match (&config.descriptor_set, built_in) {
            (Some(file), _) => {
                std::fs::read(folder.join(file)).map_err(|source| Error::DescriptorSet {
                    upstream: config.name.clone(),
                    source,
                })?
            }
            (None, Some(set)) => set.to_owned(),
            (None, None) => {
                let fault = format!("{}: `descriptor_set` is missing", config.name);
                return Err(Error::Upstreams(vec![fault]));
            }
        };
        Ok(Self {
            name: config.name.clone(),
            descriptor_set,
            services: config.services.clone(),
            default_access: config.default_access,
            json: config.json,
            methods: config.methods.clone(),
            http_rules: config.http_rules.clone(),
            transport: Transport::remote(&config.name, &config.endpoints)?,
        })
    }

    /// States the policies and bindings of methods whose protos carry none of
    /// ours.
    #[must_use]
    pub fn with_methods(mut self, methods: Vec<MethodConfig>, http_rules: Vec<HttpRule>) -> Self {
        self.methods = methods;
        self.http_rules = http_rules;
        self
    }

    pub(crate) fn built_in(
        name: &str,
        descriptor_set: &[u8],
        services: &[&str],
        transport: Transport,
    ) -> Self {
        Self {
            name: name.to_owned(),
            descriptor_set: descriptor_set.to_owned(),
            services: Some(services.iter().map(ToString::to_string).collect()),
            default_access: Access::Deny,
            json: JsonOptions::default(),
            methods: Vec::new(),
            http_rules: Vec::new(),
            transport,
        }
    }
}

/// The way to a service. Clones share it.
#[derive(Clone)]
pub(crate) enum Transport {
    /// In this process.
    InProcess(BoxCloneSyncService<Request, Reply, Infallible>),
    /// Over HTTP/2.
    Remote(Remote),
}

impl Transport {
    fn remote(name: &str, endpoints: &[String]) -> Result<Self, Error> {
        Remote::new(endpoints).map(Self::Remote).map_err(|faults| {
            let named = faults.iter().map(|fault| format!("{name}: {fault}"));
            Error::Upstreams(named.collect())
        })
    }

    /// Sends a request and returns the reply as it comes.
    ///
    /// # Errors
    /// [`Refusal::UpstreamUnavailable`] if no answer came.
    pub(crate) async fn send(&self, request: Request) -> Result<Reply, Refusal> {
        match self {
            Self::InProcess(service) => match service.clone().oneshot(request).await {
                Ok(reply) => Ok(reply),
                Err(never) => match never {},
            },
            Self::Remote(remote) => remote.send(request).await,
        }
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InProcess(_) => "InProcess",
            Self::Remote(_) => "Remote",
        })
    }
}
