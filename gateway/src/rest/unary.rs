//! A REST call with one message each way.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, Version, header};
use http_body_util::Full;
use resido_proto::error::Violation;
use resido_transcode::{FieldFault, RequestError, ResponseError, Route};
use tonic::{Status, body::Body};
use tower::Service;

use super::{
    body,
    frames::{Messages, frame},
};
use crate::{
    call::Trail,
    config::Limits,
    headers,
    refusal::{Refusal, Stopped},
    wire::{Reply, Request},
};

/// Metadata by which a service may choose the status of a REST reply.
const HTTP_CODE: &str = "x-http-code";

/// What REST calls need to know.
#[derive(Debug, Clone)]
pub(crate) struct Rest {
    body_bytes: usize,
    body_idle: Duration,
    pub(super) reply_bytes: usize,
}

impl Rest {
    /// Reads within these limits.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            body_bytes: limits.body_bytes,
            body_idle: limits.body_idle(),
            reply_bytes: limits.reply_bytes,
        }
    }

    /// Makes the gRPC request of a REST request.
    pub(super) async fn bind(&self, request: Request, route: &Route) -> Result<Request, Stopped> {
        let (mut head, body) = request.into_parts();
        let read = body::read(body, &head.headers, self.body_bytes, self.body_idle).await?;
        let kind = head.headers.get(header::CONTENT_TYPE);
        let kind = kind
            .map(|kind| kind.to_str().map_err(|_| Refusal::MediaTypeUnsupported))
            .transpose()?;
        let message = route
            .request(head.uri.query(), kind, &read)
            .map_err(refuse)?;
        let framed = Full::new(frame(&message)?);
        head.headers = headers::from_rest(&head.headers);
        head.headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/grpc"),
        );
        head.method = Method::POST;
        head.version = Version::HTTP_2;
        head.uri =
            http::Uri::try_from(route.method().path.as_str()).map_err(|_| Refusal::Internal)?;
        Ok(Request::from_parts(head, Body::new(framed)))
    }
}

/// Carries out a unary call.
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
    let reply = inner.call(rest.bind(request, &route).await?).await?;
    let (head, body) = started(reply)?;
    let mut messages = Messages::new(body, rest.reply_bytes);
    let message = messages.next().await?.ok_or(Refusal::UpstreamInvalid)?;
    if messages.next().await?.is_some() {
        return Err(Refusal::UpstreamInvalid.into());
    }
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
    if let Some(status) = chosen_status(&head.headers) {
        *reply.status_mut() = status;
        reply.headers_mut().remove(HTTP_CODE);
    }
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

fn chosen_status(metadata: &http::HeaderMap) -> Option<StatusCode> {
    let code: u16 = metadata.get(HTTP_CODE)?.to_str().ok()?.parse().ok()?;
    StatusCode::from_u16(code)
        .ok()
        .filter(|status| (200..600).contains(&status.as_u16()))
}

pub(super) fn unrenderable(error: &ResponseError) -> Stopped {
    tracing::error!(
        error = error as &dyn std::error::Error,
        "a reply could not be rendered"
    );
    Refusal::UpstreamInvalid.into()
}

fn refuse(error: RequestError) -> Stopped {
    let RequestError::Invalid(faults) = error else {
        return Refusal::MediaTypeUnsupported.into();
    };
    Refusal::Invalid(faults.into_iter().map(violation).collect()).into()
}

fn violation(fault: FieldFault) -> Violation {
    let mut description = fault.description;
    if let (Some(line), Some(column)) = (fault.line, fault.column) {
        description.push_str(&format!(" (body, line {line}, column {column})"));
    } else {
        description.push_str(&format!(" ({})", fault.place));
    }
    Violation::new(fault.field, description)
}
