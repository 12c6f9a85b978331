//! The calls about the record of who did what.

use resido_proto::identity_api::v1::{self as proto, audit_service_server::AuditService};
use tonic::{Request, Response, Status};

use crate::audit::AuditLog;

pub(super) struct AuditApi {
    pub(super) log: AuditLog,
}

#[tonic::async_trait]
impl AuditService for AuditApi {
    async fn list_audit_events(
        &self,
        request: Request<proto::ListAuditEventsRequest>,
    ) -> Result<Response<proto::ListAuditEventsResponse>, Status> {
        call!(self.log.list, request)
    }
}
