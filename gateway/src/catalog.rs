//! Every method that is served, with its policy and the service behind it.

use std::{collections::HashMap, sync::Arc};

use resido_proto::options::v1::Access as Declared;
use resido_transcode::{Api, Method, Source};
use serde::Serialize;

pub(crate) use crate::policy::Policy;
use crate::{
    error::Error,
    policy,
    upstream::{Transport, Upstream},
};

/// A method that is served.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) method: Arc<Method>,
    pub(crate) policy: Policy,
    /// Name of the service, to which contexts are addressed.
    pub(crate) upstream: Arc<str>,
    pub(crate) transport: Transport,
}

impl Endpoint {
    /// Whether the method exists for callers from outside.
    pub(crate) fn is_public(&self) -> bool {
        self.policy.access != Declared::Internal
    }

    /// Whether more than one message may go either way.
    pub(crate) fn streams(&self) -> bool {
        self.method.client_streaming || self.method.server_streaming
    }
}

/// All methods.
#[derive(Debug)]
pub(crate) struct Catalog {
    pub(crate) api: Api,
    endpoints: HashMap<String, Arc<Endpoint>>,
}

/// A binding of a method to HTTP, for people who look at what is routed.
#[derive(Debug, Clone, Serialize)]
pub struct RouteInfo {
    /// HTTP method; `POST` with the gRPC path where there is no binding.
    pub verb: String,
    /// Path template.
    pub template: String,
    /// Full name of the gRPC method.
    pub method: String,
    /// Name of the service behind it.
    pub upstream: String,
    /// Who may call.
    pub access: &'static str,
    /// Roles of which any is needed.
    pub roles: Vec<String>,
    /// What scopes of API keys and roles of a tenant's own name; may be empty.
    pub permission: String,
}

impl Catalog {
    /// Compiles the descriptors of all upstreams.
    ///
    /// # Errors
    /// [`Error::Upstreams`] with every fault.
    pub(crate) fn new(upstreams: &[Upstream]) -> Result<Self, Error> {
        let sources: Vec<_> = upstreams
            .iter()
            .map(|upstream| Source {
                name: &upstream.name,
                descriptor_set: &upstream.descriptor_set,
                services: upstream.services.as_deref(),
                json: upstream.json,
                rules: &upstream.http_rules,
            })
            .collect();
        let api = Api::compile(&sources).map_err(|faults| {
            Error::Upstreams(faults.to_string().lines().map(str::to_owned).collect())
        })?;
        let mut faults = policy::faults(upstreams, api.methods());
        let mut endpoints = HashMap::new();
        for method in api.methods() {
            let upstream = &upstreams[method.source];
            let policy = match policy::read(method, upstream) {
                Ok(policy) => policy,
                Err(fault) => {
                    faults.push(fault);
                    continue;
                }
            };
            let endpoint = Endpoint {
                method: Arc::clone(method),
                policy,
                upstream: upstream.name.as_str().into(),
                transport: upstream.transport.clone(),
            };
            endpoints.insert(method.path.clone(), Arc::new(endpoint));
        }
        if faults.is_empty() {
            Ok(Self { api, endpoints })
        } else {
            Err(Error::Upstreams(faults))
        }
    }

    /// Finds a method by its gRPC path, `/package.Service/Method`.
    pub(crate) fn endpoint(&self, path: &str) -> Option<&Arc<Endpoint>> {
        self.endpoints
            .get(path)
            .filter(|endpoint| endpoint.is_public())
    }

    /// Lists what is routed, in the order of templates.
    pub(crate) fn routes(&self) -> Vec<RouteInfo> {
        let info = |endpoint: &Endpoint, verb: String, template: String| RouteInfo {
            verb,
            template,
            method: endpoint.method.path[1..].replace('/', "."),
            upstream: endpoint.upstream.to_string(),
            access: policy::access_name(endpoint.policy.access),
            roles: endpoint
                .policy
                .roles
                .iter()
                .map(ToString::to_string)
                .collect(),
            permission: endpoint.policy.permission.clone().unwrap_or_default(),
        };
        let mut routes: Vec<_> = self
            .api
            .bindings()
            .filter_map(|binding| {
                let endpoint = self.endpoint(&binding.method.path)?;
                Some(info(
                    endpoint,
                    binding.verb.to_string(),
                    binding.template.to_owned(),
                ))
            })
            .collect();
        for endpoint in self
            .endpoints
            .values()
            .filter(|endpoint| endpoint.is_public())
        {
            routes.push(info(
                endpoint,
                "POST".to_owned(),
                endpoint.method.path.clone(),
            ));
        }
        routes.sort_by(|a, b| (&a.template, &a.verb).cmp(&(&b.template, &b.verb)));
        routes
    }
}
