//! What is asked, as REST clients ask it.

use http::Method;
use serde_json::Value;

/// A call by its verb and path.
#[derive(Debug)]
pub(in crate::commands) struct Call {
    pub(super) verb: Method,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) body: Option<Value>,
}

impl Call {
    pub(in crate::commands) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path, None)
    }

    pub(in crate::commands) fn post(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::POST, path, Some(body))
    }

    pub(in crate::commands) fn patch(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::PATCH, path, Some(body))
    }

    pub(in crate::commands) fn delete(path: impl Into<String>) -> Self {
        Self::new(Method::DELETE, path, None)
    }

    fn new(verb: Method, path: impl Into<String>, body: Option<Value>) -> Self {
        Self {
            verb,
            path: path.into(),
            query: String::new(),
            body,
        }
    }

    /// Adds a query parameter, unless it has no value.
    pub(in crate::commands) fn with(mut self, name: &str, value: &str) -> Self {
        if !value.is_empty() {
            if !self.query.is_empty() {
                self.query.push('&');
            }
            self.query.push_str(name);
            self.query.push('=');
            escape(value, &mut self.query);
        }
        self
    }
}

/// Escapes a value for a query.
///
/// *Source*: RFC 3986, section 2.3, for what needs no escape.
fn escape(value: &str, into: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            into.push(char::from(byte));
        } else {
            into.push('%');
            into.push(char::from(HEX[usize::from(byte >> 4)]));
            into.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_escaped_and_empty_values_left_out() {
        let call = Call::get("/v1/tenants")
            .with("filter", "plan = \"ä&b\"")
            .with("orderBy", "")
            .with("pageSize", "5");
        let expected = "filter=plan%20%3D%20%22%C3%A4%26b%22&pageSize=5";
        assert_eq!(call.query, expected);
    }
}
