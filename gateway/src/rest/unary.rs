//! A REST call that is answered by one message.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::Full;
use resido_transcode::{ResponseError, Route};
use tonic::{Status, body::Body};
use tower::Service;

use super::{frames::Messages, request::Rest};
use crate::{
    call::Trail,
    headers,
    refusal::{Refusal, Stopped},
    wire::{Reply, Request},
};

/// Metadata by which a service may choose the status of a REST reply.
const HTTP_CODE: &str = "x-http-code";

/// Carries out a call that is answered by one message.
///
/// # Errors
/// Why there is no reply.
pub(crate) async fn unary<S>(
    rest: Rest,
    mut inner: S,
    request: Request,
    route: Arc<Route>,
    trail: Arc<Trail>,
) -> Result<Reply, Stopped>
where
    S: Service<Request, Response = Reply, Error = Stopped>,
{
    let head_only = request.method() == Method::HEAD;
    let (request, mut told) = rest.bind(request, &route).await?;
    let answer = async {
        let (head, body) = started(inner.call(request).await?)?;
        let mut messages = Messages::new(body, rest.reply_bytes);
        let message = messages.next().await?.ok_or(Refusal::UpstreamInvalid)?;
        if messages.next().await?.is_some() {
            return Err(Refusal::UpstreamInvalid.into());
        }
        Ok((head, messages, message))
    };
    let (head, messages, message) = told.unless(answer).await?;
    let rendered = route
        .response(&message)
        .map_err(|error| unrenderable(&error))?;
    let kind =
        HeaderValue::from_str(&rendered.content_type).map_err(|_| Refusal::UpstreamInvalid)?;
    let length = rendered.bytes.len();
    let body = if head_only {
        Bytes::new()
    } else {
        rendered.bytes.into()
    };
    let mut reply = Reply::new(Body::new(Full::new(body)));
    *reply.headers_mut() = headers::to_rest(&head.headers);
    choose_status(&mut reply, &head.headers);
    reply
        .headers_mut()
        .extend(headers::to_rest(messages.trailers()));
    reply.headers_mut().insert(header::CONTENT_TYPE, kind);
    reply
        .headers_mut()
        .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    reply.headers_mut().insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    trail.set_code(0);
    Ok(reply)
}

/// Takes a reply apart, unless the call is over already.
pub(super) fn started(reply: Reply) -> Result<(http::response::Parts, Body), Stopped> {
    let (head, body) = reply.into_parts();
    match Status::from_header_map(&head.headers) {
        Some(status) if status.code() != tonic::Code::Ok => {
            Err(Stopped::Answered(Box::new(status)))
        }
        _ => Ok((head, body)),
    }
}

/// Gives a reply the status that the service has chosen, if it has.
pub(super) fn choose_status(reply: &mut Reply, metadata: &HeaderMap) {
    if let Some(status) = chosen_status(metadata) {
        *reply.status_mut() = status;
        reply.headers_mut().remove(HTTP_CODE);
    }
}

fn chosen_status(metadata: &HeaderMap) -> Option<StatusCode> {
    let code: u16 = metadata.get(HTTP_CODE)?.to_str().ok()?.parse().ok()?;
    StatusCode::from_u16(code)
        .ok()
        .filter(|status| (200..600).contains(&status.as_u16()))
}

/// Notes that a reply could not be rendered.
pub(super) fn unrenderable(error: &ResponseError) -> Stopped {
    tracing::error!(
        error = error as &dyn std::error::Error,
        "a reply could not be rendered"
    );
    Refusal::UpstreamInvalid.into()
}
