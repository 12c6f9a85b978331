//! The calls about long-running operations.

use resido_proto::google::longrunning::{self as proto, operations_server::Operations};
use tonic::{Request, Response, Status};

use super::pending;

pub(super) struct OperationApi;

#[tonic::async_trait]
impl Operations for OperationApi {
    async fn list_operations(
        &self,
        _request: Request<proto::ListOperationsRequest>,
    ) -> Result<Response<proto::ListOperationsResponse>, Status> {
        Err(pending())
    }

    async fn get_operation(
        &self,
        _request: Request<proto::GetOperationRequest>,
    ) -> Result<Response<proto::Operation>, Status> {
        Err(pending())
    }

    async fn delete_operation(
        &self,
        _request: Request<proto::DeleteOperationRequest>,
    ) -> Result<Response<()>, Status> {
        Err(pending())
    }

    async fn cancel_operation(
        &self,
        _request: Request<proto::CancelOperationRequest>,
    ) -> Result<Response<()>, Status> {
        Err(pending())
    }

    async fn wait_operation(
        &self,
        _request: Request<proto::WaitOperationRequest>,
    ) -> Result<Response<proto::Operation>, Status> {
        Err(pending())
    }
}
