//! `/openapi.json`, and the page at `/docs` that shows it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use http_body_util::Full;
use resido_proto::options::v1::Access;
use resido_transcode::{Method, OpenApiInfo, Visibility};
use sha2::{Digest as _, Sha256};
use tonic::body::Body;

use crate::{catalog::Catalog, policy::access_name, wire::Reply};

const PAGE: &str = include_str!("../../assets/docs.html");

/// The documents, made once.
#[derive(Debug)]
pub(crate) struct Documents {
    openapi: Bytes,
    /// What the page may do: run its own script, and call its own origin.
    policy: HeaderValue,
}

impl Documents {
    /// Describes everything that is routed.
    pub(crate) fn new(catalog: &Catalog) -> Self {
        let script = PAGE
            .split("<script>")
            .nth(1)
            .and_then(|rest| rest.split("</script>").next());
        let hash = STANDARD.encode(Sha256::digest(script.unwrap_or_default()));
        let policy = format!(
            "default-src 'none'; script-src 'sha256-{hash}'; style-src 'unsafe-inline'; \
             img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'"
        );
        let policy = HeaderValue::from_str(&policy);
        Self {
            openapi: openapi(catalog).to_string().into(),
            policy: policy.unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'")),
        }
    }

    /// Returns the document at a path, if there is one.
    pub(crate) fn get(&self, path: &str) -> Option<Reply> {
        match path {
            "/" => {
                let mut reply = Reply::new(Body::empty());
                *reply.status_mut() = StatusCode::TEMPORARY_REDIRECT;
                reply
                    .headers_mut()
                    .insert(header::LOCATION, HeaderValue::from_static("/docs"));
                Some(reply)
            }
            "/openapi.json" => Some(page(self.openapi.clone(), "application/json", None)),
            "/docs" => {
                let policy = (header::CONTENT_SECURITY_POLICY, self.policy.clone());
                Some(page(
                    Bytes::from_static(PAGE.as_bytes()),
                    "text/html; charset=utf-8",
                    Some(policy),
                ))
            }
            _ => None,
        }
    }
}

fn page(body: Bytes, kind: &'static str, more: Option<(HeaderName, HeaderValue)>) -> Reply {
    let length = HeaderValue::from(body.len());
    let mut reply = Reply::new(Body::new(Full::new(body)));
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_LENGTH, length);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.extend(more);
    reply
}

/// Describes everything that is routed, as OpenAPI 3.1.
pub(crate) fn openapi(catalog: &Catalog) -> serde_json::Value {
    let info = OpenApiInfo {
        title: "Resido".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        description: "What this gateway serves, over REST, gRPC and gRPC-Web alike.".to_owned(),
        servers: Vec::new(),
    };
    let visibility = |method: &Method| match catalog.endpoint(&method.path) {
        None => Visibility::Hidden,
        Some(endpoint) => match endpoint.policy.access {
            Access::Unspecified | Access::Internal => Visibility::Hidden,
            Access::Anonymous => Visibility::Anonymous,
            Access::Authenticated | Access::Tenant | Access::Platform => Visibility::Authenticated,
        },
    };
    let mut document = catalog.api.openapi(&info, &visibility);
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    for operation in paths.flat_map(|(_, item)| item.as_object_mut().into_iter().flatten()) {
        state_policy(catalog, operation.1);
    }
    document
}

/// Says in an operation who may call it, as extensions of ours.
fn state_policy(catalog: &Catalog, operation: &mut serde_json::Value) {
    let id = operation["operationId"].as_str().unwrap_or_default();
    let method = id.rsplit_once('_').map(|(_, method)| method);
    let (Some(service), Some(method)) = (operation["tags"][0].as_str(), method) else {
        return;
    };
    if let Some(endpoint) = catalog.endpoint(&format!("/{service}/{method}")) {
        let roles: Vec<_> = endpoint
            .policy
            .roles
            .iter()
            .map(ToString::to_string)
            .collect();
        operation["x-resido-access"] = access_name(endpoint.policy.access).into();
        operation["x-resido-roles"] = roles.into();
        if let Some(permission) = &endpoint.policy.permission {
            state_permission(operation, permission);
        }
    }
}

/// Says which permission stands for an operation, for programs and for readers.
/// The page at `/docs` shows it by itself and leaves the last paragraph out.
fn state_permission(operation: &mut serde_json::Value, permission: &str) {
    let told = format!("Permission: `{permission}`.");
    let description = operation["description"].as_str().unwrap_or_default();
    let parts = [description.trim_end(), &told];
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    operation["description"] = parts.join("\n\n").into();
    operation["x-resido-permission"] = permission.into();
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn p2_a_permission_is_told_in_words_and_by_itself() {
        for (description, expected) in [
            (json!(null), "Permission: `units.read`."),
            (
                json!("Gets a unit.\n"),
                "Gets a unit.\n\nPermission: `units.read`.",
            ),
        ] {
            let mut operation = json!({"description": description});
            state_permission(&mut operation, "units.read");
            assert_eq!(operation["description"], expected);
            assert_eq!(operation["x-resido-permission"], "units.read");
        }
    }
}
