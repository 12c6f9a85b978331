//! Serves a part's gRPC on a port of its own.

use std::time::Duration;

use anyhow::{Context as _, Result};
use resido_tenancy::server::ContextLayer;
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;
use tonic::{
    service::Routes,
    transport::{Server, server::TcpIncoming},
};
use tonic_health::{ServingStatus, server::HealthReporter};

/// Streams of one connection at most: a gateway has few connections.
const MAX_STREAMS: u32 = 4096;
/// Time between signs of life on a connection.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// Time that calls under way may take at the end.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// What stands before a part.
pub(crate) struct Door {
    pub(crate) layer: ContextLayer,
    /// Whether the layer has the keys that it needs to let anybody in.
    pub(crate) ready: watch::Receiver<bool>,
}

/// Serves until `shutdown`, then answers what is under way. `grpc.health.v1`
/// needs no context, and says that the part serves when the door is ready;
/// everything else passes the layer.
///
/// # Errors
/// If the port fails.
pub(crate) async fn serve(
    listener: TcpListener,
    name: &'static str,
    routes: Routes,
    door: Door,
    shutdown: CancellationToken,
) -> Result<()> {
    let (reporter, health) = tonic_health::server::health_reporter();
    say(&reporter, name, ServingStatus::NotServing).await;
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let serving = Server::builder()
        .max_concurrent_streams(Some(MAX_STREAMS))
        .http2_keepalive_interval(Some(KEEPALIVE))
        .layer(door.layer)
        .add_routes(routes.add_service(health))
        .serve_with_incoming_shutdown(incoming, shutdown.clone().cancelled_owned());
    let mut ready = door.ready;
    let has_keys = async move { ready.wait_for(|ready| *ready).await.is_ok() };
    let limit = async {
        tokio::select! {
            true = has_keys => {
                say(&reporter, name, ServingStatus::Serving).await;
                shutdown.cancelled().await;
            }
            () = shutdown.cancelled() => {}
        }
        // Those who look before they call go elsewhere from now on.
        say(&reporter, name, ServingStatus::NotServing).await;
        tokio::time::sleep(DRAIN_LIMIT).await;
    };
    tokio::select! {
        served = serving => served.with_context(|| format!("{name} cannot be served")),
        () = limit => Ok(()),
    }
}

/// Says of the part, and of the whole port, whether it serves.
async fn say(reporter: &HealthReporter, name: &str, status: ServingStatus) {
    for service in [name, ""] {
        reporter.set_service_status(service, status).await;
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::jwk::JwkSet;
    use resido_observability::Metrics;
    use resido_proto::housing::v1::{
        ListPropertiesRequest, housing_service_client::HousingServiceClient,
    };
    use tonic::transport::Channel;
    use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

    use super::*;
    use crate::wiring::HOUSING;

    #[tokio::test]
    async fn health_is_open_and_the_rest_needs_a_context() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let end = CancellationToken::new();
        let (_, layer) = HOUSING.layer(&JwkSet { keys: Vec::new() }, &Metrics::default());
        let (keys_came, ready) = watch::channel(false);
        let door = Door { layer, ready };
        let serving = serve(listener, HOUSING.name, Routes::default(), door, end.clone());
        let serving = tokio::spawn(serving);

        let channel = Channel::from_shared(address)
            .unwrap()
            .connect()
            .await
            .unwrap();
        let mut health = HealthClient::new(channel.clone());
        for service in [HOUSING.name, ""] {
            let request = HealthCheckRequest {
                service: service.to_owned(),
            };
            let status = health.check(request).await.unwrap().into_inner().status();
            assert_eq!(status.as_str_name(), "NOT_SERVING", "no keys have come");
        }
        let request = HealthCheckRequest {
            service: HOUSING.name.to_owned(),
        };
        let mut changes = health.watch(request).await.unwrap().into_inner();
        let mut next = async || {
            let change = changes.message().await.unwrap().unwrap();
            change.status().as_str_name().to_owned()
        };
        assert_eq!(next().await, "NOT_SERVING");
        keys_came.send_replace(true);
        assert_eq!(next().await, "SERVING");

        let mut housing = HousingServiceClient::new(channel);
        let refused = housing
            .list_properties(ListPropertiesRequest::default())
            .await
            .unwrap_err();
        assert_eq!(refused.code(), tonic::Code::Unauthenticated);
        drop((health, housing));
        end.cancel();
        assert_eq!(next().await, "NOT_SERVING");
        drop(changes);
        serving.await.unwrap().unwrap();
    }
}
