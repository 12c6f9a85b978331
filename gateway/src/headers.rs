//! Which headers pass: what identifies a caller never does, and what concerns
//! one connection stays there.

use http::{
    HeaderMap, HeaderName,
    header::{
        ACCEPT_LANGUAGE, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, DATE, HOST,
        PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
        USER_AGENT,
    },
};
use resido_proto::headers;

/// Headers that concern one connection. *Source*: RFC 9110, section 7.6.1.
const HOP_BY_HOP: [HeaderName; 10] = [
    CONNECTION,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("http2-settings"),
];

/// Headers of a REST request that a service gets to see.
const FROM_REST: [HeaderName; 7] = [
    USER_AGENT,
    ACCEPT_LANGUAGE,
    HeaderName::from_static(headers::REQUEST_ID),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
    HeaderName::from_static("baggage"),
    HeaderName::from_static("idempotency-key"),
];

/// Removes what must not come in: all copies of identity, and headers of the
/// connection with those that it names.
pub(crate) fn strip_incoming(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    let identity: Vec<HeaderName> = headers
        .keys()
        .filter(|name| headers::carries_identity(name.as_str()))
        .cloned()
        .collect();
    for name in named.iter().chain(&identity).chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// Returns what of a REST request's headers becomes metadata.
pub(crate) fn from_rest(sent: &HeaderMap) -> HeaderMap {
    let mut metadata = HeaderMap::new();
    for name in FROM_REST {
        for value in sent.get_all(&name) {
            metadata.append(name.clone(), value.clone());
        }
    }
    metadata
}

/// Returns what of a reply's metadata becomes headers of a REST reply.
pub(crate) fn to_rest(metadata: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in metadata {
        let ours = [CONTENT_TYPE, CONTENT_LENGTH, CONTENT_ENCODING, DATE, HOST].contains(name);
        let grpc = name.as_str().starts_with("grpc-") || name.as_str().ends_with("-bin");
        if !(ours || grpc || HOP_BY_HOP.contains(name)) {
            headers.append(name.clone(), value.clone());
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(names: &[&'static str]) -> HeaderMap {
        names
            .iter()
            .map(|name| (HeaderName::from_static(name), HeaderValue::from_static("v")))
            .collect()
    }

    #[test]
    fn g8_identity_is_removed_in_every_spelling() {
        let mut sent = headers(&[
            "x-resido-context",
            "x_resido_context",
            "x-resido-context-bin",
            "grpc-metadata-x-resido-context",
            "x-resido-client",
            "x_resido_client",
            "authorization",
            "x-tenant",
            "x-api-key",
            "te",
            "x-mine",
            "grpc-timeout",
        ]);
        sent.insert(CONNECTION, HeaderValue::from_static("close, X-Secret"));
        sent.insert("x-secret", HeaderValue::from_static("v"));
        strip_incoming(&mut sent);
        let mut left: Vec<_> = sent.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["grpc-timeout", "x-mine"]);
    }

    #[test]
    fn c13_rest_headers_pass_by_a_list() {
        let sent = headers(&[
            "traceparent",
            "accept",
            "content-type",
            "x-mine",
            "grpc-timeout",
        ]);
        assert_eq!(from_rest(&sent).len(), 1);
    }

    #[test]
    fn d6_metadata_becomes_headers_but_for_grpcs_own() {
        let sent = headers(&[
            "grpc-encoding",
            "content-type",
            "x-mine",
            "trace-bin",
            "connection",
        ]);
        let kept = to_rest(&sent);
        assert_eq!(
            kept.keys().map(HeaderName::as_str).collect::<Vec<_>>(),
            ["x-mine"]
        );
    }
}
