//! The immutable result of compiling all sources.

use std::{fmt, sync::Arc};

use prost_reflect::DescriptorPool;

use super::{
    allow,
    compile::{Compiled, compile_all},
    route::Route,
    source::Source,
};
use crate::{
    fault::{Fault, Faults, RouteError},
    method::Method,
    openapi::{self, OpenApiInfo, Visibility},
    router::{Found, RawPath},
    status,
};

/// Every method of every upstream, and the paths that lead to them.
///
/// Immutable; share it in an [`Arc`].
pub struct Api {
    compiled: Compiled,
    /// Where details of a status are looked up: google.rpc's types first, so
    /// that no upstream can give them another meaning.
    detail_types: Vec<DescriptorPool>,
}

/// One binding, for lists of routes.
#[derive(Clone, Copy, Debug)]
pub struct BindingInfo<'a> {
    /// The HTTP method; `*` for every one.
    pub verb: &'a str,
    /// The template as written.
    pub template: &'a str,
    /// Where it leads.
    pub method: &'a Arc<Method>,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api")
            .field("methods", &self.compiled.methods.len())
            .field("bindings", &self.compiled.bindings.len())
            .finish_non_exhaustive()
    }
}

impl Api {
    /// Compiles descriptor sets and rules.
    ///
    /// # Errors
    /// Every fault of every source at once; nothing is compiled then.
    pub fn compile(sources: &[Source<'_>]) -> Result<Self, Faults> {
        let compiled = compile_all(sources)?;
        let own = DescriptorPool::decode(status::RPC_TYPES).map_err(|error| {
            Faults(vec![Fault {
                source: "google.rpc".to_owned(),
                method: String::new(),
                template: String::new(),
                description: error.to_string(),
            }])
        })?;
        let detail_types = std::iter::once(own)
            .chain(compiled.pools.iter().cloned())
            .collect();
        Ok(Self {
            compiled,
            detail_types,
        })
    }

    /// Returns every method of the exposed services.
    #[must_use]
    pub fn methods(&self) -> &[Arc<Method>] {
        &self.compiled.methods
    }

    /// Finds a method by its gRPC path, such as `/pkg.Service/Method`.
    #[must_use]
    pub fn method(&self, grpc_path: &str) -> Option<&Arc<Method>> {
        let index = self.compiled.by_path.get(grpc_path)?;
        self.compiled.methods.get(*index)
    }

    /// Finds the binding for an HTTP method and a raw path: undecoded, without
    /// the query. `HEAD` finds what is bound to `GET`.
    ///
    /// # Errors
    /// If nothing is bound there, or the path is not acceptable.
    pub fn route(&self, verb: &http::Method, path: &str) -> Result<Route, RouteError> {
        let path = RawPath::parse(path).map_err(RouteError::BadPath)?;
        let (index, path) = match self.compiled.router.find(verb.as_str(), path) {
            Found::Binding(index, path) => (index, path),
            Found::OtherMethods(bound) => {
                let allow = allow::methods(&bound);
                return Err(RouteError::MethodNotAllowed { allow });
            }
            Found::Nothing => return Err(RouteError::NotFound),
        };
        let bindings = &self.compiled.bindings;
        let binding = Arc::clone(bindings.get(index).ok_or(RouteError::NotFound)?);
        let segments = binding.template.segments.len();
        let values = binding.template.variables.iter().map(|variable| {
            // A `**` at the end takes whatever the path has left.
            let open = variable.end == segments && variable.multi;
            let end = if open { path.len() } else { variable.end };
            path.value(variable.start, end, variable.multi)
        });
        Ok(Route {
            values: values.collect(),
            binding,
        })
    }

    /// Returns the HTTP methods that are bound on a raw path, for `Allow`.
    #[must_use]
    pub fn allowed(&self, path: &str) -> Vec<http::Method> {
        match RawPath::parse(path) {
            Ok(path) => allow::methods(&self.compiled.router.allowed(&path)),
            Err(_) => Vec::new(),
        }
    }

    /// Returns every binding.
    pub fn bindings(&self) -> impl Iterator<Item = BindingInfo<'_>> {
        self.compiled.bindings.iter().map(|binding| BindingInfo {
            verb: &binding.verb,
            template: &binding.template.text,
            method: &binding.method,
        })
    }

    /// Renders a `google.rpc.Status` as `ProtoJSON`.
    ///
    /// Details of types that nobody knows keep their bytes as base64;
    /// `google.rpc.DebugInfo` is dropped.
    #[must_use]
    pub fn status(&self, code: i32, message: &str, details: &[prost_types::Any]) -> Vec<u8> {
        status::render(&self.detail_types, code, message, details)
    }

    /// Describes every binding that `access` does not hide as OpenAPI 3.1.
    #[must_use]
    pub fn openapi(
        &self,
        info: &OpenApiInfo,
        access: &dyn Fn(&Method) -> Visibility,
    ) -> serde_json::Value {
        openapi::describe(&self.compiled.bindings, info, access)
    }
}
