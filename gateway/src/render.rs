//! Turns what stopped a call into the answer its caller's protocol has for it.
//!
//! One shape for everything the port emits: `google.rpc.Status`, as JSON over
//! REST, in trailers over gRPC, in a trailers frame over gRPC-Web. Each carries
//! the request id.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_body::Frame;
use http_body_util::{Full, StreamBody};
use prost::Message as _;
use resido_observability::{metrics::Protocol, spans};
use resido_proto::{
    error::{Failure as _, http_status, to_status},
    google::rpc,
};
use tonic::{Status, body::Body};
use tonic_types::{RequestInfo, StatusExt as _};

use crate::{
    call::Trail,
    catalog::Catalog,
    refusal::{Refusal, Stopped},
    wire::Reply,
};

const ERROR_INFO: &str = "type.googleapis.com/google.rpc.ErrorInfo";
/// Headers that end a gRPC call.
const GRPC_END: [HeaderName; 3] = [
    HeaderName::from_static("grpc-status"),
    HeaderName::from_static("grpc-message"),
    HeaderName::from_static("grpc-status-details-bin"),
];

/// Writes answers to calls that were stopped.
#[derive(Debug, Clone)]
pub(crate) struct Renderer {
    catalog: Arc<Catalog>,
}

impl Renderer {
    /// Knows the services' own types of error details.
    pub(crate) fn new(catalog: Arc<Catalog>) -> Self {
        Self { catalog }
    }

    /// Answers a call that was stopped, and notes how it ended.
    pub(crate) fn stopped(&self, protocol: Protocol, stopped: &Stopped, trail: &Trail) -> Reply {
        let (status, http) = match stopped {
            Stopped::Refused(refusal) => (
                refused(refusal, trail.request_id.as_str()),
                refusal.http_status(),
            ),
            Stopped::Answered(status) => (
                Status::clone(status),
                StatusCode::from_u16(http_status(status.code())).unwrap_or_default(),
            ),
        };
        trail.set_code(status.code().into());
        if let Some(info) = status.get_details_error_info() {
            spans::record_reason(&trail.span, &info.reason);
        }
        let mut reply = match protocol {
            Protocol::Rest => self.rest(&status, http, trail.request_id.as_str()),
            Protocol::Grpc => {
                let mut reply: Reply = status.into_http();
                if matches!(
                    stopped,
                    Stopped::Refused(Refusal::ProtocolUnsupported | Refusal::MethodNotAllowed(_))
                ) {
                    *reply.status_mut() = http;
                }
                reply
            }
            Protocol::GrpcWeb => end_in_body(status.into_http()),
        };
        if let Stopped::Refused(Refusal::MethodNotAllowed(allow)) = stopped {
            let allow: Vec<_> = allow.iter().map(http::Method::as_str).collect();
            if let Ok(allow) = HeaderValue::from_str(&allow.join(", ")) {
                reply.headers_mut().insert(header::ALLOW, allow);
            }
        }
        reply
    }

    /// Writes what stopped a call whose answer has begun, as JSON, and notes how
    /// it ended.
    pub(crate) fn within_stream(&self, stopped: &Stopped, trail: &Trail) -> Vec<u8> {
        let status = match stopped {
            Stopped::Refused(refusal) => refused(refusal, trail.request_id.as_str()),
            Stopped::Answered(status) => Status::clone(status),
        };
        trail.set_code(status.code().into());
        self.json(&status, trail.request_id.as_str())
    }

    /// Writes a status as JSON.
    fn json(&self, status: &Status, request_id: &str) -> Vec<u8> {
        let details = details(status, request_id);
        self.catalog
            .api
            .status(status.code().into(), status.message(), &details)
    }

    fn rest(&self, status: &Status, http: StatusCode, request_id: &str) -> Reply {
        let body = Body::new(Full::new(Bytes::from(self.json(status, request_id))));
        let mut reply = Reply::new(body);
        *reply.status_mut() = http;
        let headers = reply.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        if http == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"resido\"");
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if matches!(
            http,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
        ) {
            headers.insert(header::RETRY_AFTER, retry_after(status));
        }
        reply
    }
}

/// Whole seconds, at least one, rounded up. *Source*: RFC 9110, section 10.2.3.
fn retry_after(status: &Status) -> HeaderValue {
    let delay = status
        .get_details_retry_info()
        .and_then(|info| info.retry_delay);
    let delay = delay.unwrap_or(Duration::from_secs(1));
    HeaderValue::from((delay.as_secs() + u64::from(delay.subsec_nanos() > 0)).max(1))
}

/// Returns the status of a refusal, with the request id among its details.
fn refused(refusal: &Refusal, request_id: &str) -> Status {
    if refusal.kind().is_fault() {
        tracing::error!(error = %refusal, error.r#type = refusal.reason(), "a call failed");
    }
    let status = to_status(refusal);
    let mut details = status.get_error_details_vec();
    details.push(RequestInfo::new(request_id, "").into());
    Status::with_error_details_vec(status.code(), status.message(), details)
}

/// Returns a status's details with `ErrorInfo` first and the request id last.
fn details(status: &Status, request_id: &str) -> Vec<prost_types::Any> {
    let decoded = rpc::Status::decode(status.details()).unwrap_or_default();
    let mut details = decoded.details;
    details.sort_by_key(|detail| detail.type_url != ERROR_INFO);
    let info = prost_types::Any {
        type_url: "type.googleapis.com/google.rpc.RequestInfo".to_owned(),
        value: rpc::RequestInfo {
            request_id: request_id.to_owned(),
            serving_data: String::new(),
        }
        .encode_to_vec(),
    };
    if details
        .iter()
        .all(|detail| detail.type_url != info.type_url)
    {
        details.push(info);
    }
    details
}

/// Moves the end of a gRPC call from the headers, where a call without messages
/// has it, to trailers: a gRPC-Web caller reads those from the body.
pub(crate) fn end_in_body(mut reply: Reply) -> Reply {
    let mut trailers = HeaderMap::new();
    for name in GRPC_END {
        if let Some(value) = reply.headers_mut().remove(&name) {
            trailers.insert(name, value);
        }
    }
    if trailers.is_empty() {
        return reply;
    }
    let end = futures_util::stream::iter([Ok::<_, Status>(Frame::trailers(trailers))]);
    reply.map(|_| Body::new(StreamBody::new(end)))
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use resido_observability::RequestId;

    use super::*;

    fn renderer() -> Renderer {
        Renderer::new(Arc::new(Catalog::new(&[]).unwrap()))
    }

    fn trail() -> Trail {
        Trail::new(RequestId::accept(Some("r-1")), tracing::Span::none())
    }

    #[tokio::test]
    async fn e1_a_rest_error_is_a_status_with_its_reason_first() {
        let trail = trail();
        let stopped = Stopped::Refused(Refusal::Overloaded);
        let reply = renderer().stopped(Protocol::Rest, &stopped, &trail);
        assert_eq!(reply.status(), 503);
        assert_eq!(reply.headers()["retry-after"], "1");
        assert_eq!(reply.headers()["content-type"], "application/json");
        let body = reply.into_body().collect().await.unwrap().to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["code"], 14);
        assert_eq!(body["details"][0]["@type"], ERROR_INFO);
        assert_eq!(body["details"][0]["reason"], "OVERLOADED");
        assert_eq!(body["details"][0]["domain"], "resido");
        let last = body["details"].as_array().unwrap().last().unwrap();
        assert_eq!(last["requestId"], "r-1");
        assert_eq!(trail.code(), 14);
    }

    #[tokio::test]
    async fn e3_a_grpc_error_has_no_body_and_a_grpc_web_error_ends_in_it() {
        let stopped = Stopped::Refused(Refusal::CredentialRequired);
        let reply = renderer().stopped(Protocol::Grpc, &stopped, &trail());
        assert_eq!(
            (reply.status().as_u16(), &reply.headers()["grpc-status"]),
            (200, &HeaderValue::from_static("16"))
        );
        let details = Status::from_header_map(reply.headers())
            .unwrap()
            .get_error_details();
        assert_eq!(details.error_info().unwrap().reason, "CREDENTIAL_REQUIRED");
        assert_eq!(details.request_info().unwrap().request_id, "r-1");
        let reply = renderer().stopped(Protocol::GrpcWeb, &stopped, &trail());
        assert!(!reply.headers().contains_key("grpc-status"));
        let trailers = reply
            .into_body()
            .collect()
            .await
            .unwrap()
            .trailers()
            .cloned()
            .unwrap();
        assert_eq!(trailers["grpc-status"], "16");
    }

    #[test]
    fn e5_a_405_says_what_is_allowed_and_a_401_how_to_prove_oneself() {
        let stopped = Stopped::Refused(Refusal::MethodNotAllowed(vec![
            http::Method::GET,
            http::Method::POST,
        ]));
        let reply = renderer().stopped(Protocol::Rest, &stopped, &trail());
        assert_eq!(
            (reply.status().as_u16(), &reply.headers()["allow"]),
            (405, &HeaderValue::from_static("GET, POST"))
        );
        let reply = renderer().stopped(
            Protocol::Rest,
            &Stopped::Refused(Refusal::CredentialInvalid),
            &trail(),
        );
        assert_eq!(
            reply.headers()["www-authenticate"],
            "Bearer realm=\"resido\""
        );
    }
}
