//! Names of the headers and metadata keys that the product reads or writes.
//!
//! HTTP headers and gRPC metadata share one namespace here, as they do on the
//! wire.

/// The caller's credential: `Bearer <token>` or `ApiKey <key>`.
pub const AUTHORIZATION: &str = "authorization";
/// The caller's API key.
pub const API_KEY: &str = "x-api-key";
/// Slug or id of the tenant the caller means; may only agree with the
/// credential.
pub const TENANT: &str = "x-tenant";
/// Correlates a call with its logs; accepted from outside if well formed, and
/// always returned.
pub const REQUEST_ID: &str = "x-request-id";
/// Time left for the call, over REST: a decimal number with `s` or `ms`.
pub const REQUEST_TIMEOUT: &str = "x-request-timeout";
/// Time left for the call, in gRPC's own form.
///
/// *Source*: gRPC over HTTP/2, "Timeout".
pub const GRPC_TIMEOUT: &str = "grpc-timeout";
/// The signed context that the gateway gives to a service. Never accepted from
/// outside.
pub const CONTEXT: &str = "x-resido-context";
/// Address of the client, as the gateway saw it. Never accepted from outside.
pub const CLIENT: &str = "x-resido-client";
/// The caller's key for a call that may come twice.
///
/// *Source*: draft-ietf-httpapi-idempotency-key-header.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Encoded `google.rpc.Status` beside the status of a gRPC reply.
pub const GRPC_STATUS_DETAILS: &str = "grpc-status-details-bin";

/// Whether a header carries identity and so must never pass from outside to a
/// service, whichever way it is spelled.
///
/// Covers `_` for `-`, the `-bin` twin and the `grpc-metadata-` prefix that
/// other gateways unwrap.
#[must_use]
pub fn carries_identity(name: &str) -> bool {
    let mut name = name.to_ascii_lowercase().replace('_', "-");
    while let Some(rest) = name.strip_prefix("grpc-metadata-") {
        name = rest.to_owned();
    }
    let name = name.strip_suffix("-bin").unwrap_or(&name);
    matches!(
        name,
        AUTHORIZATION | "proxy-authorization" | API_KEY | TENANT | "cookie" | "x-forwarded-user"
    ) || name.starts_with("x-resido-")
        || name.starts_with("x-tenant-")
        || name.starts_with("x-user-")
        || name.starts_with("x-auth-")
}

#[cfg(test)]
mod tests {
    use super::carries_identity;

    #[test]
    fn identity_is_recognised_in_every_spelling() {
        for name in [
            "x-resido-context",
            "X-Resido-Context",
            "x_resido_context",
            "x-resido-context-bin",
            "grpc-metadata-x-resido-context",
            "Grpc-Metadata-X_Tenant",
            "grpc-metadata-grpc-metadata-authorization",
            "x-resido-anything",
            "x-tenant",
            "x-tenant-id",
            "x-user-id",
            "authorization-bin",
            "x-api-key",
        ] {
            assert!(carries_identity(name), "{name}");
        }
        for name in [
            "x-request-id",
            "traceparent",
            "content-type",
            "x-tenants",
            "accept",
        ] {
            assert!(!carries_identity(name), "{name}");
        }
    }
}
