//! The gateway's own gRPC services: `grpc.health.v1`, and reflection v1 and
//! v1alpha of everything behind the port.

use tonic::service::Routes;
use tonic_health::{
    ServingStatus,
    server::{HealthReporter, health_reporter},
};
use tonic_reflection::server::Builder;
use tower::util::BoxCloneSyncService;

use crate::{
    config::Access,
    error::Error,
    upstream::{Transport, Upstream},
};

const HEALTH: &str = "grpc.health.v1.Health";
const REFLECTION: &str = "grpc.reflection.v1.ServerReflection";
const REFLECTION_ALPHA: &str = "grpc.reflection.v1alpha.ServerReflection";

/// Says whether the gateway serves.
#[derive(Debug, Clone)]
pub(crate) struct Health(HealthReporter);

impl Health {
    /// Says so to whoever asks or watches.
    pub(crate) async fn set(&self, serving: bool) {
        let status = if serving {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        };
        self.0.set_service_status("", status).await;
    }
}

/// Makes the gateway's own services, as one more upstream, and the handle to its
/// health.
///
/// # Errors
/// [`Error::Reflection`] if the upstreams' descriptors cannot be read.
pub(crate) fn builtin(upstreams: &[Upstream]) -> Result<(Upstream, Health), Error> {
    let (reporter, health) = health_reporter();
    let builder = || {
        let own = Builder::configure()
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
        upstreams.iter().fold(own, |builder, upstream| {
            builder.register_encoded_file_descriptor_set(&upstream.descriptor_set)
        })
    };
    let routes = Routes::new(health)
        .add_service(builder().build_v1()?)
        .add_service(builder().build_v1alpha()?)
        .prepare();
    // Encoded sets may simply be strung together.
    let descriptor_set = [
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
    ]
    .concat();
    let transport = Transport::InProcess(BoxCloneSyncService::new(routes));
    let services = [HEALTH, REFLECTION, REFLECTION_ALPHA];
    let mut upstream = Upstream::built_in("gateway", &descriptor_set, &services, transport);
    upstream.default_access = Access::Anonymous;
    Ok((upstream, Health(reporter)))
}
