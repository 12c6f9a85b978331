//! Accepts connections and speaks HTTP/1.1 or HTTP/2 on each, within limits.

use std::{convert::Infallible, sync::Arc, time::Duration};

use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tower::{ServiceExt as _, util::BoxCloneSyncService};

use super::prompt::Prompt;
use crate::{
    client::{Network, locate},
    config::Limits,
    wire::{Reply, Request},
};

/// Header fields of a request at most, and their bytes together.
const MAX_HEADERS: (usize, usize) = (64, 16 * 1024);
/// An HTTP/2 connection is tried this often, and given up after the second.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(20));
/// Streams reset by the peer that wait to be noticed, at most.
const MAX_RESETS: usize = 64;
/// Pause after an accept that failed, such as for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// What answers requests.
pub(crate) type Service = BoxCloneSyncService<Request, Reply, Infallible>;

/// What a port serves, and how.
pub(crate) struct Port {
    pub(crate) service: Service,
    pub(crate) limits: Limits,
    /// Proxies that are believed whom they speak for.
    pub(crate) trusted: Arc<[Network]>,
}

/// Serves connections until `shutdown`, then lets calls under way end.
pub(crate) async fn serve(listener: TcpListener, port: Port, shutdown: CancellationToken) {
    let limits = &port.limits;
    let places = Arc::new(Semaphore::new(
        limits.connections.clamp(1, Semaphore::MAX_PERMITS),
    ));
    let builder = Arc::new(builder(limits));
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = async {
            // Beyond the limit, connections wait in the kernel's queue.
            let place = Arc::clone(&places).acquire_owned().await.ok()?;
            Some((listener.accept().await, place))
        };
        let (accepted, place) = tokio::select! {
            () = shutdown.cancelled() => break,
            Some(accepted) = accepted => accepted,
            else => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        // Costs nothing when it fails but latency.
        let _undelayed = stream.set_nodelay(true).is_ok();
        let trusted = Arc::clone(&port.trusted);
        let received = move |mut request: http::Request<Incoming>| {
            // Before any header is taken away: the caller might ask for that.
            let client = locate(peer.ip(), request.headers(), &trusted);
            request.extensions_mut().insert(client);
            request.map(Body::new)
        };
        let hyper = TowerToHyperService::new(port.service.clone().map_request(received));
        let builder = Arc::clone(&builder);
        let connection = builder
            .serve_connection(
                TokioIo::new(Prompt::new(stream, limits.header_timeout())),
                hyper,
            )
            .into_owned();
        let watched = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = watched.await {
                tracing::debug!(%error, "a connection ended");
            }
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(limits.drain(), graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("calls were still under way when the gateway stopped");
    }
}

fn builder(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout())
        .max_headers(MAX_HEADERS.0)
        .max_buf_size(MAX_HEADERS.1);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams_per_connection)
        .max_header_list_size(u32::try_from(MAX_HEADERS.1).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(MAX_RESETS)
        .keep_alive_interval(KEEP_ALIVE.0)
        .keep_alive_timeout(KEEP_ALIVE.1);
    builder
}
