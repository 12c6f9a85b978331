//! The calls about what tenants use.

use resido_proto::tenancy::v1::{self as proto, usage_service_server::UsageService};
use tonic::{Request, Response, Status};

use crate::usage::Measures;

pub(super) struct UsageApi {
    pub(super) measures: Measures,
}

#[tonic::async_trait]
impl UsageService for UsageApi {
    async fn get_usage(
        &self,
        request: Request<proto::GetUsageRequest>,
    ) -> Result<Response<proto::Usage>, Status> {
        call!(self.measures.get, request)
    }
}
