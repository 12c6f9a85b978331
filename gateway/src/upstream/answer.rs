//! What a service's answer may be: gRPC, or a status that stands for it.

use http::{HeaderValue, StatusCode, header};
use resido_observability::spans;
use tonic::{Code, Status};
use tracing::Span;

use crate::{
    refusal::{Refusal, Stopped},
    wire::{Reply, code_in},
};

/// Lets gRPC replies through and turns anything else into a status.
pub(crate) fn check(reply: Reply, span: &Span) -> Result<Reply, Stopped> {
    let kind = reply
        .headers()
        .get(header::CONTENT_TYPE)
        .map(HeaderValue::as_bytes);
    let is_grpc = kind.is_some_and(|kind| kind.starts_with(b"application/grpc"));
    if reply.status() == StatusCode::OK && is_grpc {
        if let Some(code) = code_in(reply.headers()) {
            let error = (code != Code::Ok).then(|| format!("{code:?}"));
            spans::record_code(span, code.into(), error.as_deref());
        }
        return Ok(reply);
    }
    tracing::warn!(
        http.response.status_code = reply.status().as_u16(),
        "a service answered without gRPC"
    );
    if reply.status() == StatusCode::OK {
        return Err(Refusal::UpstreamInvalid.into());
    }
    let code = code_of_http(reply.status());
    Err(Stopped::Answered(Box::new(Status::new(
        code,
        "the service gave no gRPC answer",
    ))))
}

/// *Source*: gRPC, "HTTP to gRPC Status Code Mapping".
fn code_of_http(status: StatusCode) -> Code {
    match status.as_u16() {
        400 => Code::Internal,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::Unimplemented,
        429 | 502 | 503 | 504 => Code::Unavailable,
        _ => Code::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use tonic::body::Body;

    use super::*;

    #[test]
    fn l6_answers_without_grpc_become_statuses() {
        for (http, code) in [
            (404, Code::Unimplemented),
            (503, Code::Unavailable),
            (418, Code::Unknown),
        ] {
            let mut reply = Reply::new(Body::empty());
            *reply.status_mut() = StatusCode::from_u16(http).unwrap();
            match check(reply, &Span::none()) {
                Err(Stopped::Answered(status)) => assert_eq!(status.code(), code),
                other => panic!("{other:?}"),
            }
        }
        let html = check(Reply::new(Body::empty()), &Span::none());
        assert!(matches!(
            html,
            Err(Stopped::Refused(Refusal::UpstreamInvalid))
        ));
    }
}
