//! The immutable result of compiling all sources.

use std::sync::Arc;

use super::source::Source;
use crate::{
    fault::{Faults, RouteError},
    method::Method,
    openapi::{OpenApiInfo, Visibility},
};

use super::route::Route;

/// Every method of every upstream, and the paths that lead to them.
///
/// Immutable; share it in an [`Arc`].
#[derive(Debug)]
pub struct Api {
    methods: Vec<Arc<Method>>,
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

impl Api {
    /// Compiles descriptor sets and rules.
    ///
    /// # Errors
    /// Every fault of every source at once; nothing is compiled then.
    pub fn compile(_sources: &[Source<'_>]) -> Result<Self, Faults> {
        Ok(Self {
            methods: Vec::new(),
        })
    }

    /// Returns every method of the exposed services.
    #[must_use]
    pub fn methods(&self) -> &[Arc<Method>] {
        &self.methods
    }

    /// Finds a method by its gRPC path, such as `/pkg.Service/Method`.
    #[must_use]
    pub fn method(&self, _grpc_path: &str) -> Option<&Arc<Method>> {
        None
    }

    /// Finds the binding for an HTTP method and a raw path: undecoded, without
    /// the query. `HEAD` finds what is bound to `GET`.
    ///
    /// # Errors
    /// If nothing is bound there, or the path is not acceptable.
    pub fn route(&self, _verb: &http::Method, _path: &str) -> Result<Route, RouteError> {
        Err(RouteError::NotFound)
    }

    /// Returns the HTTP methods that are bound on a raw path, for `Allow`.
    #[must_use]
    pub fn allowed(&self, _path: &str) -> Vec<http::Method> {
        Vec::new()
    }

    /// Returns every binding.
    pub fn bindings(&self) -> impl Iterator<Item = BindingInfo<'_>> {
        std::iter::empty()
    }

    /// Renders a `google.rpc.Status` as `ProtoJSON`.
    ///
    /// Details of types that nobody knows keep their bytes as base64;
    /// `google.rpc.DebugInfo` is dropped.
    #[must_use]
    pub fn status(&self, _code: i32, _message: &str, _details: &[prost_types::Any]) -> Vec<u8> {
        Vec::new()
    }

    /// Describes every binding that `access` does not hide as OpenAPI 3.1.
    #[must_use]
    pub fn openapi(
        &self,
        _info: &OpenApiInfo,
        _access: &dyn Fn(&Method) -> Visibility,
    ) -> serde_json::Value {
        serde_json::Value::Null
    }
}
