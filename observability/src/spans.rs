//! The spans of a request, with the names of the OpenTelemetry semantic
//! conventions for RPC, HTTP and databases.
//!
//! Fields that are known later are declared empty here and recorded by the
//! functions below, so that a name is spelled once.

use tracing::{Span, field::Empty, info_span};

/// Returns the gateway's SERVER span of a request.
#[must_use]
pub fn gateway_server(http_method: &str, request_id: &str) -> Span {
    info_span!(
        "gateway",
        otel.kind = "server",
        otel.name = Empty,
        otel.status_code = Empty,
        http.request.method = http_method,
        url.path = Empty,
        http.route = Empty,
        http.response.status_code = Empty,
        rpc.system = Empty,
        rpc.service = Empty,
        rpc.method = Empty,
        rpc.grpc.status_code = Empty,
        error.type = Empty,
        error.reason = Empty,
        tenant.id = Empty,
        user.id = Empty,
        user.act = Empty,
        request.id = request_id,
        trace_id = Empty,
    )
}

/// Returns the CLIENT span of a call to a service.
#[must_use]
pub fn upstream_client(upstream: &str, service: &str, method: &str) -> Span {
    info_span!(
        "upstream",
        otel.kind = "client",
        otel.name = format!("{service}/{method}"),
        otel.status_code = Empty,
        rpc.system = "grpc",
        rpc.service = service,
        rpc.method = method,
        rpc.grpc.status_code = Empty,
        error.type = Empty,
        peer.service = upstream,
        tenant.id = Empty,
    )
}

/// Returns a service's SERVER span of a call.
#[must_use]
pub fn service_server(service: &str, method: &str, request_id: &str) -> Span {
    info_span!(
        "service",
        otel.kind = "server",
        otel.name = format!("{service}/{method}"),
        otel.status_code = Empty,
        rpc.system = "grpc",
        rpc.service = service,
        rpc.method = method,
        rpc.grpc.status_code = Empty,
        error.type = Empty,
        tenant.id = Empty,
        user.id = Empty,
        request.id = request_id,
    )
}

/// Returns the CLIENT span of a statement; `summary` names the operation and
/// the table, never a value.
#[must_use]
pub fn statement(summary: &str, tenant: Option<&str>) -> Span {
    info_span!(
        "sql",
        otel.kind = "client",
        otel.name = summary,
        otel.status_code = Empty,
        db.system.name = "postgresql",
        db.query.summary = summary,
        db.response.status_code = Empty,
        error.type = Empty,
        tenant.id = tenant,
    )
}

/// Records which tenant the span is about.
pub fn record_tenant(span: &Span, tenant: &str) {
    span.record("tenant.id", tenant);
}

/// Records who calls.
pub fn record_user(span: &Span, user: &str) {
    span.record("user.id", user);
}

/// Records who acts as the one who calls.
pub fn record_actor(span: &Span, actor: &str) {
    span.record("user.act", actor);
}

/// Records which method is called, and names the span after it.
pub fn record_method(span: &Span, service: &str, method: &str) {
    span.record("rpc.system", "grpc");
    span.record("rpc.service", service);
    span.record("rpc.method", method);
    span.record("otel.name", format!("{service}/{method}"));
}

/// Records the path of a request that no method was found for, shortened.
pub fn record_path(span: &Span, path: &str) {
    let end = path
        .char_indices()
        .nth(200)
        .map_or(path.len(), |(at, _)| at);
    span.record("url.path", &path[..end]);
}

/// Records the reason that the caller was given.
pub fn record_reason(span: &Span, reason: &str) {
    span.record("error.reason", reason);
}

/// Records how a call ended: the gRPC code, and whether it counts as an error.
pub fn record_code(span: &Span, code: i32, error: Option<&str>) {
    span.record("rpc.grpc.status_code", code);
    if let Some(error) = error {
        span.record("error.type", error);
        span.record("otel.status_code", "ERROR");
    }
}
