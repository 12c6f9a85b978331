//! A REST request on its way to gRPC.

use std::time::Duration;

use http::{HeaderValue, Method, Version, header, request::Parts};
use http_body_util::Full;
use resido_proto::error::Violation;
use resido_transcode::{FieldFault, RequestError, RequestStream, Route};
use tonic::body::Body;

use super::{
    body,
    frames::frame,
    upload::{self, Told},
};
use crate::{config::Limits, headers, messages::drain, refusal::Refusal, wire::Request};

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

    /// Makes the gRPC request of a REST request. The messages of a client stream
    /// are made as the body arrives; what is wrong with them is told.
    ///
    /// # Errors
    /// What is wrong with the request so far.
    pub(super) async fn bind(
        &self,
        request: Request,
        route: &Route,
    ) -> Result<(Request, Told), Refusal> {
        let (mut head, body) = request.into_parts();
        let (body, told) = if route.method().client_streaming {
            match self.begin(&head, route) {
                Ok(messages) => upload::stream(body, messages, self.body_idle),
                Err(refusal) => {
                    tokio::spawn(drain(body));
                    return Err(refusal);
                }
            }
        } else {
            let read = body::read(body, &head.headers, self.body_bytes, self.body_idle).await?;
            let kind = content_type(&head)?;
            let message = route.request(head.uri.query(), kind, &read);
            let framed = Full::new(frame(&message.map_err(refuse)?)?);
            (Body::new(framed), Told::nothing())
        };
        head.headers = headers::from_rest(&head.headers);
        head.headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/grpc"),
        );
        head.method = Method::POST;
        head.version = Version::HTTP_2;
        head.uri =
            http::Uri::try_from(route.method().path.as_str()).map_err(|_| Refusal::Internal)?;
        Ok((Request::from_parts(head, body), told))
    }

    /// Begins the messages of a client stream.
    fn begin(&self, head: &Parts, route: &Route) -> Result<RequestStream, Refusal> {
        body::check_encoding(&head.headers)?;
        let kind = content_type(head)?;
        let messages = route.requests(head.uri.query(), kind, self.body_bytes);
        messages.map_err(refuse)
    }
}

fn content_type(head: &Parts) -> Result<Option<&str>, Refusal> {
    let kind = head.headers.get(header::CONTENT_TYPE);
    kind.map(|kind| kind.to_str().map_err(|_| Refusal::MediaTypeUnsupported))
        .transpose()
}

/// Turns what is wrong with a request into what its caller learns.
pub(super) fn refuse(error: RequestError) -> Refusal {
    match error {
        RequestError::UnsupportedMediaType => Refusal::MediaTypeUnsupported,
        RequestError::TooLarge => Refusal::BodyTooLarge,
        RequestError::Invalid(faults) => {
            Refusal::Invalid(faults.into_iter().map(violation).collect())
        }
    }
}

fn violation(fault: FieldFault) -> Violation {
    let mut place = fault.place.to_string();
    if let Some(element) = fault.element {
        place.push_str(&format!(", message {element}"));
    }
    if let (Some(line), Some(column)) = (fault.line, fault.column) {
        place.push_str(&format!(", line {line}, column {column}"));
    }
    Violation::new(fault.field, format!("{} ({place})", fault.description))
}
