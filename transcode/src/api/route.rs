//! A path that has found its method.

use std::sync::Arc;

use crate::{
    binding::{Binding, Body},
    fault::{RequestError, ResponseError},
    method::Method,
    request::{self, RequestStream},
    response::{self, Rendered},
};

/// A binding together with what the path holds for its variables.
#[derive(Debug, Clone)]
pub struct Route {
    pub(super) binding: Arc<Binding>,
    /// In the order of the template's variables.
    pub(super) values: Vec<String>,
}

impl Route {
    /// Returns the method it leads to.
    #[must_use]
    pub fn method(&self) -> &Arc<Method> {
        &self.binding.method
    }

    /// Returns the template as written in the rule.
    #[must_use]
    pub fn template(&self) -> &str {
        &self.binding.template.text
    }

    /// Whether the rule has a body.
    #[must_use]
    pub fn takes_body(&self) -> bool {
        self.binding.body != Body::None
    }

    /// Whether the body is a `google.api.HttpBody`: bytes of any content type.
    #[must_use]
    pub fn raw_request(&self) -> bool {
        self.binding.raw_request()
    }

    /// Whether the response is a `google.api.HttpBody`.
    #[must_use]
    pub fn raw_response(&self) -> bool {
        self.binding.raw_response()
    }

    /// Makes the request message's wire bytes of path, query and body.
    ///
    /// `query` is raw, without the `?`; `content_type` is the header, if there
    /// is one.
    ///
    /// # Errors
    /// If the content type is not acceptable, or with every value that breaks a
    /// rule.
    pub fn request(
        &self,
        query: Option<&str>,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Result<Vec<u8>, RequestError> {
        request::build(&self.binding, &self.values, query, content_type, body)
    }

    /// Begins to make the request messages of a client stream, of at most
    /// `limit` bytes of JSON each. The body is `application/x-ndjson`, one
    /// message a line, or `application/json`, one array of them.
    ///
    /// # Errors
    /// If the content type is not acceptable, or with every fault of path and
    /// query.
    pub fn requests(
        &self,
        query: Option<&str>,
        content_type: Option<&str>,
        limit: usize,
    ) -> Result<RequestStream, RequestError> {
        RequestStream::new(&self.binding, &self.values, query, content_type, limit)
    }

    /// Renders a response message, given as wire bytes.
    ///
    /// # Errors
    /// If the bytes are not such a message, or hold a value without a JSON form.
    pub fn response(&self, message: &[u8]) -> Result<Rendered, ResponseError> {
        response::render(&self.binding, message)
    }
}
