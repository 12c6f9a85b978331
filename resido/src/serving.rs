//! Serves a part's gRPC on a port of its own.

use std::time::Duration;

use anyhow::{Context as _, Result};
use resido_tenancy::server::ContextLayer;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{
    service::Routes,
    transport::{Server, server::TcpIncoming},
};
use tonic_health::ServingStatus;

/// Streams of one connection at most: a gateway has few connections.
const MAX_STREAMS: u32 = 4096;
/// Time between signs of life on a connection.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// Time that calls under way may take at the end.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// Serves until `shutdown`, then answers what is under way. `grpc.health.v1`
/// needs no context; everything else passes the layer.
///
/// # Errors
/// If the port fails.
pub(crate) async fn serve(
    listener: TcpListener,
    name: &'static str,
    routes: Routes,
    layer: ContextLayer,
    shutdown: CancellationToken,
) -> Result<()> {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter
        .set_service_status(name, ServingStatus::Serving)
        .await;
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let serving = Server::builder()
        .max_concurrent_streams(Some(MAX_STREAMS))
        .http2_keepalive_interval(Some(KEEPALIVE))
        .layer(layer)
        .add_routes(routes.add_service(health))
        .serve_with_incoming_shutdown(incoming, shutdown.clone().cancelled_owned());
    let limit = async {
        shutdown.cancelled().await;
        // Those who look before they call go elsewhere from now on.
        reporter
            .set_service_status(name, ServingStatus::NotServing)
            .await;
        reporter
            .set_service_status("", ServingStatus::NotServing)
            .await;
        tokio::time::sleep(DRAIN_LIMIT).await;
    };
    tokio::select! {
        served = serving => served.with_context(|| format!("{name} cannot be served")),
        () = limit => Ok(()),
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
        let serving = tokio::spawn(serve(
            listener,
            HOUSING.name,
            Routes::default(),
            layer,
            end.clone(),
        ));

        let channel = Channel::from_shared(address)
            .unwrap()
            .connect()
            .await
            .unwrap();
        let mut health = HealthClient::new(channel.clone());
        let request = HealthCheckRequest {
            service: HOUSING.name.to_owned(),
        };
        let status = health.check(request).await.unwrap().into_inner().status();
        assert_eq!(status.as_str_name(), "SERVING");

        let mut housing = HousingServiceClient::new(channel);
        let refused = housing
            .list_properties(ListPropertiesRequest::default())
            .await
            .unwrap_err();
        assert_eq!(refused.code(), tonic::Code::Unauthenticated);
        drop((health, housing));
        end.cancel();
        serving.await.unwrap().unwrap();
    }
}
