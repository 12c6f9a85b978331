//! A service in another process, at one or more endpoints.
//!
//! Each endpoint has one HTTP/2 connection, opened when it is needed and opened
//! again when it breaks; calls take the endpoints in turn.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{
    Uri,
    uri::{Authority, Scheme},
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use tonic::body::Body;

use crate::{
    refusal::Refusal,
    wire::{Reply, Request},
};

/// Time to open a connection at most.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// A connection is tried this often, and given up if no answer comes in time.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(10));

/// A service in another process. Clones share its connections.
#[derive(Debug, Clone)]
pub(crate) struct Remote(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    client: Client<HttpConnector, Body>,
    endpoints: Vec<(Scheme, Authority)>,
    next: AtomicUsize,
}

impl Remote {
    /// Reads endpoints such as `http://127.0.0.1:50051`.
    ///
    /// # Errors
    /// A sentence about each one that is wrong.
    pub(crate) fn new(endpoints: &[String]) -> Result<Self, Vec<String>> {
        let mut faults = Vec::new();
        let mut parsed = Vec::new();
        for endpoint in endpoints {
            match parse(endpoint) {
                Some(parts) => parsed.push(parts),
                None => faults.push(format!("`{endpoint}` is no URL such as http://host:port")),
            }
        }
        if endpoints.is_empty() {
            faults.push("it has no endpoints".to_owned());
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .http2_only(true)
            .http2_adaptive_window(true)
            .http2_keep_alive_interval(KEEP_ALIVE.0)
            .http2_keep_alive_timeout(KEEP_ALIVE.1)
            .build(connector);
        Ok(Self(Arc::new(Shared {
            client,
            endpoints: parsed,
            next: AtomicUsize::new(0),
        })))
    }

    /// Sends a request to the next endpoint.
    ///
    /// # Errors
    /// [`Refusal::UpstreamUnavailable`] if no answer came.
    pub(crate) async fn send(&self, mut request: Request) -> Result<Reply, Refusal> {
        let turn = self.0.next.fetch_add(1, Ordering::Relaxed);
        let endpoint = &self.0.endpoints[turn % self.0.endpoints.len()];
        let mut parts = std::mem::take(request.uri_mut()).into_parts();
        parts.scheme = Some(endpoint.0.clone());
        parts.authority = Some(endpoint.1.clone());
        *request.uri_mut() = Uri::from_parts(parts).map_err(|_| Refusal::Internal)?;
        *request.version_mut() = http::Version::HTTP_2;
        match self.0.client.request(request).await {
            Ok(reply) => Ok(reply.map(Body::new)),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a service could not be reached"
                );
                Err(Refusal::UpstreamUnavailable)
            }
        }
    }
}

fn parse(endpoint: &str) -> Option<(Scheme, Authority)> {
    let parts = endpoint.parse::<Uri>().ok()?.into_parts();
    let bare = parts
        .path_and_query
        .as_ref()
        .is_none_or(|path| path.as_str() == "/");
    let scheme = parts
        .scheme
        .filter(|scheme| bare && *scheme == Scheme::HTTP)?;
    Some((scheme, parts.authority?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_plain_http_urls_without_a_path() {
        let remote = |endpoint: &str| Remote::new(&[endpoint.to_owned()]);
        assert!(remote("http://127.0.0.1:50051").is_ok());
        assert!(remote("http://localhost:1/").is_ok());
        for endpoint in ["", "localhost", "https://h:1", "http://h/path", "ftp://h"] {
            assert_eq!(remote(endpoint).unwrap_err().len(), 1, "{endpoint}");
        }
        assert!(Remote::new(&[]).is_err());
    }
}
