//! The admin port of a service that runs alone: its metrics, and whether it
//! serves. Nothing here changes anything.

use std::{convert::Infallible, time::Duration};

use anyhow::Result;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use resido_observability::Metrics;
use tokio::{net::TcpListener, sync::watch, task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;

/// Connections at once at most; further ones wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 64;
/// Time until a request's header must have come.
const HEADER_LIMIT: Duration = Duration::from_secs(10);
/// Pause after an accept that failed, such as for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(50);

type Reply = Response<Full<Bytes>>;

/// What the port shows.
#[derive(Debug, Clone)]
pub(crate) struct Pages {
    pub(crate) metrics: Metrics,
    /// Whether calls can be answered.
    pub(crate) ready: watch::Receiver<bool>,
}

impl Pages {
    /// Serves until the end. Who looks meanwhile is cut off.
    pub(crate) async fn serve(self, listener: TcpListener, end: CancellationToken) -> Result<()> {
        let mut connections = JoinSet::new();
        loop {
            let is_full = connections.len() >= MAX_CONNECTIONS;
            let accepted = tokio::select! {
                () = end.cancelled() => return Ok(()),
                Some(_) = connections.join_next() => continue,
                accepted = listener.accept(), if !is_full => accepted,
            };
            let stream = match accepted {
                Ok((stream, _)) => TokioIo::new(stream),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(PAUSE).await;
                    continue;
                }
            };
            let pages = self.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let reply = pages.reply(request.method(), request.uri().path());
                async move { Ok::<_, Infallible>(reply) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_LIMIT)
                .serve_connection(stream, service);
            connections.spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "a connection ended");
                }
            });
        }
    }

    fn reply(&self, method: &Method, path: &str) -> Reply {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return json(StatusCode::METHOD_NOT_ALLOWED, r#"{"error":"GET only"}"#);
        }
        match path {
            "/metrics" => page(
                StatusCode::OK,
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
                self.metrics.render(),
            ),
            "/healthz" => json(StatusCode::OK, r#"{"status":"ok"}"#),
            "/readyz" if *self.ready.borrow() => json(StatusCode::OK, r#"{"ready":true}"#),
            "/readyz" => json(StatusCode::SERVICE_UNAVAILABLE, r#"{"ready":false}"#),
            _ => json(
                StatusCode::NOT_FOUND,
                r#"{"error":"no such page","pages":["/metrics","/healthz","/readyz"]}"#,
            ),
        }
    }
}

fn json(status: StatusCode, text: &str) -> Reply {
    page(status, "application/json", format!("{text}\n"))
}

fn page(status: StatusCode, kind: &'static str, text: String) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from(text)));
    *reply.status_mut() = status;
    let kind = header::HeaderValue::from_static(kind);
    reply.headers_mut().insert(header::CONTENT_TYPE, kind);
    reply
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpStream,
    };

    use super::*;

    fn pages() -> (watch::Sender<bool>, Pages) {
        let (sender, ready) = watch::channel(false);
        let metrics = Metrics::default();
        (sender, Pages { metrics, ready })
    }

    #[test]
    fn readiness_is_what_the_service_says() {
        let (ready, pages) = pages();
        let status = |path: &str| pages.reply(&Method::GET, path).status().as_u16();
        assert_eq!((status("/healthz"), status("/readyz")), (200, 503));
        ready.send_replace(true);
        assert_eq!((status("/readyz"), status("/metrics")), (200, 200));
        assert_eq!(status("/config"), 404);
        let posted = pages.reply(&Method::POST, "/metrics");
        assert_eq!(posted.status(), StatusCode::METHOD_NOT_ALLOWED);
    }

    #[tokio::test]
    async fn metrics_are_served_until_the_end() {
        let (_ready, pages) = pages();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let end = CancellationToken::new();
        let serving = tokio::spawn(pages.serve(listener, end.clone()));
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket
            .write_all(b"GET /metrics HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n")
            .await
            .unwrap();
        let mut text = String::new();
        socket.read_to_string(&mut text).await.unwrap();
        assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");
        assert!(text.contains("# EOF"), "{text}");
        let idle = TcpStream::connect(address).await.unwrap();
        end.cancel();
        serving.await.unwrap().unwrap();
        drop(idle);
        assert!(TcpStream::connect(address).await.is_err());
    }
}
