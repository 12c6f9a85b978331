//! The calls about the record of who did what.

use resido_proto::identity_api::v1::{self as proto, audit_service_server::AuditService};
use tonic::{Request, Response, Status};

use super::pending;

pub(super) struct AuditApi;

#[tonic::async_trait]
impl AuditService for AuditApi {
    async fn list_audit_events(
        &self,
        _request: Request<proto::ListAuditEventsRequest>,
    ) -> Result<Response<proto::ListAuditEventsResponse>, Status> {
        Err(pending())
    }
}
