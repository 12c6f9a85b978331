//! The calls about what tenants use.

use resido_proto::tenancy::v1::{self as proto, usage_service_server::UsageService};
use tonic::{Request, Response, Status};

use super::pending;

pub(super) struct UsageApi;

#[tonic::async_trait]
impl UsageService for UsageApi {
    async fn get_usage(
        &self,
        _request: Request<proto::GetUsageRequest>,
    ) -> Result<Response<proto::Usage>, Status> {
        Err(pending())
    }
}
