//! A path that has found its method.

use std::{borrow::Cow, sync::Arc};

use crate::{
    fault::{RequestError, ResponseError},
    method::Method,
};

/// A binding together with what the path holds for its variables.
#[derive(Debug, Clone)]
pub struct Route {
    method: Arc<Method>,
}

/// What is sent to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// Its media type.
    pub content_type: Cow<'static, str>,
    /// The body.
    pub bytes: Vec<u8>,
}

impl Route {
    /// Returns the method it leads to.
    #[must_use]
    pub fn method(&self) -> &Arc<Method> {
        &self.method
    }

    /// Returns the template as written in the rule.
    #[must_use]
    pub fn template(&self) -> &str {
        ""
    }

    /// Whether the rule has a body.
    #[must_use]
    pub fn takes_body(&self) -> bool {
        false
    }

    /// Whether the body is a `google.api.HttpBody`: bytes of any content type.
    #[must_use]
    pub fn raw_request(&self) -> bool {
        false
    }

    /// Whether the response is a `google.api.HttpBody`.
    #[must_use]
    pub fn raw_response(&self) -> bool {
        false
    }

    /// Makes the request message's wire bytes of path, query and body.
    ///
    /// `query` is raw, without the `?`.
    ///
    /// # Errors
    /// If the content type is not acceptable, or with every value that breaks a
    /// rule.
    pub fn request(
        &self,
        _query: Option<&str>,
        _content_type: Option<&str>,
        _body: &[u8],
    ) -> Result<Vec<u8>, RequestError> {
        Err(RequestError::UnsupportedMediaType)
    }

    /// Renders a response message, given as wire bytes.
    ///
    /// # Errors
    /// If the bytes are not such a message, or hold a value without a JSON form.
    pub fn response(&self, _message: &[u8]) -> Result<Rendered, ResponseError> {
        Ok(Rendered {
            content_type: Cow::Borrowed("application/json"),
            bytes: Vec::new(),
        })
    }
}
