//! Plain HTTP, for everything that no client library would send.

use std::net::SocketAddr;

use anyhow::Result;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{client::legacy, rt::TokioExecutor};

/// What came back, read to its end.
#[derive(Debug)]
pub struct Raw {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// The trailers.
    pub trailers: HeaderMap,
}

/// Which version of HTTP is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.1.
    One,
    /// HTTP/2 by prior knowledge.
    Two,
}

/// Sends a request to an address, over a connection of its own. The request's
/// URI needs path and query alone.
///
/// # Errors
/// If nothing comes back.
pub async fn send(
    address: SocketAddr,
    version: Version,
    request: Request<impl Into<Bytes>>,
) -> Result<Raw> {
    let (mut parts, body) = request.into_parts();
    let uri = format!("http://{address}{}", parts.uri);
    parts.uri = uri.parse()?;
    let client = legacy::Client::builder(TokioExecutor::new())
        .http2_only(version == Version::Two)
        .build_http();
    let request = Request::from_parts(parts, Full::new(body.into()));
    let (parts, body) = client.request(request).await?.into_parts();
    let collected = body.collect().await?;
    Ok(Raw {
        status: parts.status,
        headers: parts.headers,
        trailers: collected.trailers().cloned().unwrap_or_default(),
        body: collected.to_bytes(),
    })
}
