//! What is asked, in every protocol at once.

use http::Method;
use serde_json::Value;

/// A unary call.
#[derive(Debug, Clone)]
pub struct Call {
    /// `/package.Service/Method`.
    pub path: &'static str,
    /// The message, as JSON.
    pub message: Value,
    /// The method of HTTP.
    pub verb: Method,
    /// Path and query of REST.
    pub uri: String,
    /// The body of REST; none where the method takes none.
    pub body: Option<Value>,
}
