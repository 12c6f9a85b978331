//! One call: JSON in, a gRPC call in this process, JSON out.

use std::convert::Infallible;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use bytes::{BufMut as _, Bytes, BytesMut};
use http::{Request, Response, header};
use http_body_util::{BodyExt as _, Full};
use resido_proto::headers;
use resido_transcode::{Api, JsonOptions, RequestError, Source};
use serde_json::Value;
use tonic::{Code, Status, body::Body};
use tower::{Service, ServiceExt as _};

use super::{Call, Refused, refused};
use crate::wiring::CONTROL_PLANE;

/// Bytes before a message: the compressed flag and the length.
///
/// *Source*: gRPC over HTTP/2, "Length-Prefixed-Message".
const PREFIX_BYTES: usize = 5;

/// Carries a call out as the holder of a context.
///
/// # Errors
/// [`Refused`] if the control plane says no; anything else is a fault here.
pub(super) async fn send<S>(call: Call, api: &Api, service: S, context: &str) -> Result<Value>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    let name = format!("{} {}", call.verb, call.path);
    let route = api.route(&call.verb, &call.path);
    let route = route.map_err(|error| anyhow!("{name}: {error}"))?;
    let body = call.body.map(|body| body.to_string()).unwrap_or_default();
    let kind = (!body.is_empty()).then_some("application/json");
    let query = Some(call.query.as_str()).filter(|query| !query.is_empty());
    let message = match route.request(query, kind, body.as_bytes()) {
        Ok(message) => message,
        Err(RequestError::Invalid(faults)) => return Err(Refused::by_form(&faults).into()),
        Err(other) => bail!("{name}: {other}"),
    };
    let method = route.method();
    let request = Request::post(format!("/{}/{}", method.service, method.name))
        .header(header::CONTENT_TYPE, "application/grpc")
        .header(header::TE, "trailers")
        .header(headers::CONTEXT, context)
        .body(Body::new(Full::new(framed(&message)?)))?;
    let reply = match service.oneshot(request).await {
        Ok(reply) => read(reply).await?,
        Err(never) => match never {},
    };
    let rendered = route.response(&reply)?;
    serde_json::from_slice(&rendered.bytes).context("the reply is no JSON")
}

/// Returns what the control plane's calls look like in JSON.
pub(super) fn api() -> Result<Api> {
    let services = CONTROL_PLANE.services.iter().map(ToString::to_string);
    let services: Vec<_> = services.collect();
    let source = Source {
        name: CONTROL_PLANE.name,
        descriptor_set: resido_proto::DESCRIPTOR_SET,
        services: Some(&services),
        json: JsonOptions::default(),
        rules: &[],
    };
    Ok(Api::compile(&[source])?)
}

fn framed(message: &[u8]) -> Result<Bytes> {
    let mut frame = BytesMut::with_capacity(PREFIX_BYTES + message.len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len())?);
    frame.extend_from_slice(message);
    Ok(frame.freeze())
}

/// Returns the one message of a reply.
async fn read(reply: Response<Body>) -> Result<Bytes> {
    let (head, body) = reply.into_parts();
    accept(Status::from_header_map(&head.headers))?;
    let body = body.collect().await?;
    accept(body.trailers().and_then(Status::from_header_map))?;
    let mut frame = body.to_bytes();
    ensure!(frame.len() >= PREFIX_BYTES, "the reply has no message");
    Ok(frame.split_off(PREFIX_BYTES))
}

fn accept(status: Option<Status>) -> Result<()> {
    match status {
        Some(status) if status.code() != Code::Ok => Err(refused(&status)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;

    #[test]
    fn every_command_finds_its_call() {
        let api = api().unwrap();
        for (verb, path) in [
            (Method::POST, "/v1/tenants"),
            (Method::GET, "/v1/tenants:lookup"),
            (Method::DELETE, "/v1/tenants/x"),
            (Method::POST, "/v1/tenants/x:purge"),
            (Method::POST, "/v1/users:invite"),
            (Method::GET, "/v1/audit-events"),
        ] {
            assert!(api.route(&verb, path).is_ok(), "{verb} {path}");
        }
    }

    #[tokio::test]
    async fn an_error_in_the_trailers_is_one() {
        let mut trailers = http::HeaderMap::new();
        trailers.insert("grpc-status", http::HeaderValue::from_static("5"));
        let body = Full::new(Bytes::new()).with_trailers(async { Some(Ok(trailers)) });
        let refused = read(Response::new(Body::new(body))).await.unwrap_err();
        assert_eq!(refused.downcast::<Refused>().unwrap().code, Code::NotFound);
        let empty = Response::new(Body::new(Full::new(framed(b"").unwrap())));
        assert_eq!(read(empty).await.unwrap(), Bytes::new());
    }
}
