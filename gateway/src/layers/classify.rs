//! Finds out which protocol a request speaks, once, and takes from its headers
//! what must not travel on.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::future::Either;
use http::{HeaderMap, HeaderValue, Method, Version, header};
use resido_observability::metrics::Protocol;
use tonic_web::{GrpcWebLayer, GrpcWebService};
use tower::{Layer, Service};

use crate::{
    auth::Credentials,
    call::Trail,
    headers,
    refusal::Refusal,
    wire::{Reply, Request},
};

/// Longest path and query, in bytes.
const MAX_URI_BYTES: usize = 8 * 1024;

/// Classifies calls; those in gRPC-Web are turned into gRPC.
#[derive(Debug, Clone)]
pub(crate) struct ClassifyLayer;

impl<S: Clone> Layer<S> for ClassifyLayer {
    type Service = Classify<S>;

    fn layer(&self, inner: S) -> Classify<S> {
        Classify {
            web: GrpcWebLayer::new().layer(inner.clone()),
            plain: inner,
        }
    }
}

/// A service that is told the protocol of each call.
#[derive(Debug, Clone)]
pub(crate) struct Classify<S> {
    web: GrpcWebService<S>,
    plain: S,
}

impl<S> Service<Request> for Classify<S>
where
    S: Service<Request, Response = Reply, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Reply;
    type Error = Infallible;
    type Future = Either<<GrpcWebService<S> as Service<Request>>::Future, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.plain.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let mut protocol = protocol(request.headers());
        let prepared = prepare(&mut request, protocol);
        if protocol == Protocol::GrpcWeb && request.method() != Method::POST {
            // No call at all: whoever asks so reads plain HTTP.
            protocol = Protocol::Rest;
        }
        if let Some(trail) = request.extensions().get::<Arc<Trail>>() {
            // The only layer that tells it.
            let _first = trail.protocol.set(protocol).is_ok();
        }
        if let Err(refusal) = prepared {
            // Answered below, where each protocol's answers are made.
            request.extensions_mut().insert(refusal);
        }
        request.extensions_mut().insert(protocol);
        if protocol == Protocol::GrpcWeb {
            spell_plainly(request.headers_mut());
            Either::Left(self.web.call(request))
        } else {
            Either::Right(self.plain.call(request))
        }
    }
}

/// Tells the protocol by the content type, whose case and parameters do not
/// matter.
///
/// *Source*: gRPC over HTTP/2, "Content-Type"; gRPC-Web, "Protocol differences".
fn protocol(headers: &HeaderMap) -> Protocol {
    let Some(kind) = essence(headers, &header::CONTENT_TYPE) else {
        return Protocol::Rest;
    };
    let Some(rest) = kind.strip_prefix("application/grpc") else {
        return Protocol::Rest;
    };
    let ends = |rest: &str| rest.is_empty() || rest.starts_with('+');
    match rest.strip_prefix("-web") {
        _ if ends(rest) => Protocol::Grpc,
        Some(rest) if ends(rest.strip_prefix("-text").unwrap_or(rest)) => Protocol::GrpcWeb,
        _ => Protocol::Rest,
    }
}

fn essence(headers: &HeaderMap, name: &header::HeaderName) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    let essence = value.split(';').next().unwrap_or_default().trim();
    Some(essence.to_ascii_lowercase())
}

/// Checks a request's form, reads its credentials and strips its headers.
fn prepare(request: &mut Request, protocol: Protocol) -> Result<(), Refusal> {
    if request
        .headers()
        .get_all(header::CONTENT_TYPE)
        .iter()
        .count()
        > 1
    {
        return Err(Refusal::MediaTypeUnsupported);
    }
    if protocol == Protocol::Grpc && request.version() < Version::HTTP_2 {
        return Err(Refusal::ProtocolUnsupported);
    }
    if protocol != Protocol::Rest && request.method() != Method::POST {
        return Err(Refusal::MethodNotAllowed(vec![Method::POST]));
    }
    if request
        .uri()
        .path_and_query()
        .is_some_and(|uri| uri.as_str().len() > MAX_URI_BYTES)
    {
        return Err(Refusal::UriTooLong);
    }
    refuse_smuggling(request)?;
    let host = host(request)?;
    let credentials = Credentials::read(request.headers(), host);
    headers::strip_incoming(request.headers_mut());
    request.extensions_mut().insert(credentials);
    Ok(())
}

/// Refuses what another server on the way might cut into requests differently.
///
/// *Source*: RFC 9112, sections 3.2 and 6.1.
fn refuse_smuggling(request: &Request) -> Result<(), Refusal> {
    let headers = request.headers();
    let mut encodings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let chunked = encodings.all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"chunked"));
    let once = |name: &header::HeaderName| headers.get_all(name).iter().count() < 2;
    if !(chunked && once(&header::TRANSFER_ENCODING) && once(&header::CONTENT_LENGTH)) {
        return Err(Refusal::Malformed("its length is stated in several ways"));
    }
    if request.version() == Version::HTTP_11 && !headers.contains_key(header::HOST) {
        return Err(Refusal::Malformed("it names no host"));
    }
    Ok(())
}

/// Returns the host a request was sent to, without its port.
fn host(request: &Request) -> Result<Option<String>, Refusal> {
    let mut sent = request.headers().get_all(header::HOST).iter();
    let header = match (sent.next(), sent.next()) {
        (None, _) => None,
        (Some(host), None) => Some(
            host.to_str()
                .map_err(|_| Refusal::Malformed("the host is no text"))?,
        ),
        _ => return Err(Refusal::Malformed("it names several hosts")),
    };
    let authority = request.uri().authority().map(http::uri::Authority::as_str);
    if let (Some(header), Some(authority)) = (header, authority)
        && !header.eq_ignore_ascii_case(authority)
    {
        return Err(Refusal::Malformed("`Host` and `:authority` differ"));
    }
    let name = authority.or(header).map(|host| {
        let (name, port) = host.rsplit_once(':').unwrap_or((host, ""));
        let is_port = port.bytes().all(|byte| byte.is_ascii_digit());
        if is_port { name } else { host }
            .trim_end_matches('.')
            .to_ascii_lowercase()
    });
    Ok(name)
}

/// Spells content type and accept as the gRPC-Web layer expects them.
fn spell_plainly(headers: &mut HeaderMap) {
    const BINARY: HeaderValue = HeaderValue::from_static("application/grpc-web+proto");
    const TEXT: HeaderValue = HeaderValue::from_static("application/grpc-web-text+proto");
    for name in [header::CONTENT_TYPE, header::ACCEPT] {
        if let Some(kind) = essence(headers, &name) {
            let text = kind.starts_with("application/grpc-web-text");
            headers.insert(name, if text { TEXT } else { BINARY });
        }
    }
}

#[cfg(test)]
mod tests {
    use tonic::body::Body;

    use super::*;

    #[test]
    fn a2_the_content_type_tells_the_protocol() {
        for (kind, expected) in [
            ("application/grpc", Protocol::Grpc),
            ("Application/gRPC; charset=utf-8", Protocol::Grpc),
            ("application/grpc+proto", Protocol::Grpc),
            ("application/grpc+json", Protocol::Grpc),
            ("application/grpc-web", Protocol::GrpcWeb),
            ("application/grpc-web+proto", Protocol::GrpcWeb),
            ("application/grpc-web-text", Protocol::GrpcWeb),
            ("application/GRPC-web-text+proto;x=1", Protocol::GrpcWeb),
            ("application/grpcx", Protocol::Rest),
            ("application/grpc-webx", Protocol::Rest),
            ("application/grpc-web-textual", Protocol::Rest),
            ("application/json", Protocol::Rest),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            assert_eq!(protocol(&headers), expected, "{kind}");
        }
        assert_eq!(protocol(&HeaderMap::new()), Protocol::Rest);
    }

    fn request(version: Version, method: Method, uri: &str, headers: &[(&str, &str)]) -> Request {
        let mut request = http::Request::builder()
            .version(version)
            .method(method)
            .uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::empty()).unwrap()
    }

    #[test]
    fn a3_requests_of_a_wrong_form_are_refused() {
        let check = |mut request: Request| {
            let protocol = protocol(request.headers());
            prepare(&mut request, protocol).map_err(|refusal| refusal.http_status().as_u16())
        };
        let grpc = ("content-type", "application/grpc");
        assert_eq!(
            check(request(Version::HTTP_11, Method::POST, "/a", &[grpc])),
            Err(505)
        );
        assert_eq!(
            check(request(Version::HTTP_2, Method::GET, "/a", &[grpc])),
            Err(405)
        );
        assert_eq!(
            check(request(Version::HTTP_2, Method::POST, "/a", &[grpc, grpc])),
            Err(415)
        );
        let long = format!("/{}", "a".repeat(MAX_URI_BYTES));
        assert_eq!(
            check(request(Version::HTTP_11, Method::GET, &long, &[])),
            Err(414)
        );
        assert_eq!(
            check(request(Version::HTTP_2, Method::POST, "/a", &[grpc])),
            Ok(())
        );
    }

    #[test]
    fn m3_requests_that_state_their_length_twice_are_refused() {
        let check = |headers: &[(&str, &str)]| {
            let with_host: Vec<_> = headers.iter().copied().chain([("host", "a")]).collect();
            refuse_smuggling(&request(Version::HTTP_11, Method::POST, "/a", &with_host)).is_ok()
        };
        assert!(
            check(&[])
                && check(&[("transfer-encoding", "Chunked")])
                && check(&[("content-length", "1")])
        );
        for headers in [
            &[("transfer-encoding", "gzip, chunked")][..],
            &[("transfer-encoding", "chunked, chunked")],
            &[
                ("transfer-encoding", "chunked"),
                ("transfer-encoding", "chunked"),
            ],
            &[("content-length", "1"), ("content-length", "1")],
        ] {
            assert!(!check(headers), "{headers:?}");
        }
        assert!(refuse_smuggling(&request(Version::HTTP_11, Method::GET, "/a", &[])).is_err());
    }

    #[test]
    fn b7_hosts_must_agree() {
        let check = |uri: &str, hosts: &[(&str, &str)]| {
            host(&request(Version::HTTP_2, Method::GET, uri, hosts))
                .ok()
                .flatten()
        };
        assert_eq!(
            check("http://a.example:80/", &[("host", "A.example:80")]).as_deref(),
            Some("a.example")
        );
        assert_eq!(
            check("/", &[("host", "a.example.")]).as_deref(),
            Some("a.example")
        );
        assert_eq!(
            check("/", &[("host", "[::1]:80")]).as_deref(),
            Some("[::1]")
        );
        assert!(
            host(&request(
                Version::HTTP_2,
                Method::GET,
                "http://a/",
                &[("host", "b")]
            ))
            .is_err()
        );
        assert!(
            host(&request(
                Version::HTTP_2,
                Method::GET,
                "/",
                &[("host", "a"), ("host", "a")]
            ))
            .is_err()
        );
    }
}
