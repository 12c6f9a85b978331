//! Every method that is served, with its policy and the service behind it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use prost::Message;
use resido_proto::{
    identity::Role,
    options::v1::{Access as Declared, MethodPolicy},
};
use resido_transcode::{Api, Method, Source};
use serde::Serialize;

use crate::{
    config::{Access, MethodConfig},
    error::Error,
    upstream::{Transport, Upstream},
};

/// Longest time a method's option may ask for.
const MAX_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// Who may call a method, and how it is carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(crate) access: Declared,
    /// Any of these is needed; none: any caller that `access` admits.
    pub(crate) roles: Vec<Role>,
    /// What the scopes of a narrowed credential must contain.
    pub(crate) permission: Option<String>,
    pub(crate) timeout: Option<Duration>,
    /// The method changes nothing.
    pub(crate) reads_only: bool,
    pub(crate) forward_authorization: bool,
    pub(crate) allow_suspended: bool,
}

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
        let mut endpoints = HashMap::new();
        for method in api.methods() {
            let upstream = &upstreams[method.source];
            let endpoint = Endpoint {
                method: Arc::clone(method),
                policy: policy(method, upstream),
                upstream: upstream.name.as_str().into(),
                transport: upstream.transport.clone(),
            };
            endpoints.insert(method.path.clone(), Arc::new(endpoint));
        }
        Ok(Self { api, endpoints })
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
            access: access_name(endpoint.policy.access),
            roles: endpoint
                .policy
                .roles
                .iter()
                .map(ToString::to_string)
                .collect(),
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

/// The options of a method, as far as they matter here. `prost` keeps no
/// extensions, so those that do are declared as fields of their numbers.
#[derive(Clone, PartialEq, Message)]
struct Options {
    /// *Source*: `descriptor.proto`, `MethodOptions.idempotency_level`.
    #[prost(int32, optional, tag = "34")]
    idempotency_level: Option<i32>,
    #[prost(message, optional, tag = "50810")]
    policy: Option<MethodPolicy>,
}

fn policy(method: &Method, upstream: &Upstream) -> Policy {
    let options = Options::decode(method.options.as_slice()).unwrap_or_default();
    let declared = options.policy.unwrap_or_else(|| MethodPolicy {
        access: declared(upstream.default_access).into(),
        ..MethodPolicy::default()
    });
    let mut policy = Policy {
        access: declared.access(),
        roles: declared.roles.iter().map(Role::named).collect(),
        permission: Some(declared.permission).filter(|permission| !permission.is_empty()),
        timeout: declared
            .timeout
            .and_then(|time| Duration::try_from(time).ok()),
        // NO_SIDE_EFFECTS.
        reads_only: options.idempotency_level == Some(1),
        forward_authorization: declared.forward_authorization,
        allow_suspended: declared.allow_suspended,
    };
    for entry in &upstream.methods {
        if selects(entry, method) {
            policy.access = self::declared(entry.access);
            policy.roles = entry.roles.iter().map(Role::named).collect();
            policy.timeout = entry.timeout.or(policy.timeout);
        }
    }
    policy.timeout = policy.timeout.map(|time| time.min(MAX_TIMEOUT));
    policy
}

fn selects(entry: &MethodConfig, method: &Method) -> bool {
    let (service, name) = entry.selector.rsplit_once('.').unwrap_or_default();
    service == method.service && (name == "*" || name == method.name)
}

fn declared(access: Access) -> Declared {
    match access {
        Access::Deny => Declared::Unspecified,
        Access::Anonymous => Declared::Anonymous,
        Access::Authenticated => Declared::Authenticated,
        Access::Tenant => Declared::Tenant,
        Access::Platform => Declared::Platform,
    }
}

fn access_name(access: Declared) -> &'static str {
    match access {
        Declared::Unspecified => "closed",
        Declared::Anonymous => "anonymous",
        Declared::Authenticated => "authenticated",
        Declared::Tenant => "tenant",
        Declared::Platform => "platform",
        Declared::Internal => "internal",
    }
}
