//! The calls about long-running operations.

use resido_proto::google::longrunning as proto;
use resido_proto::google::longrunning::operations_server::Operations as Service;
use tonic::{Request, Response, Status};

use crate::operations::Operations;

pub(super) struct OperationApi {
    pub(super) operations: Operations,
}

#[tonic::async_trait]
impl Service for OperationApi {
    async fn list_operations(
        &self,
        request: Request<proto::ListOperationsRequest>,
    ) -> Result<Response<proto::ListOperationsResponse>, Status> {
        call!(self.operations.list, request)
    }

    async fn get_operation(
        &self,
        request: Request<proto::GetOperationRequest>,
    ) -> Result<Response<proto::Operation>, Status> {
        call!(self.operations.get, request)
    }

    async fn delete_operation(
        &self,
        request: Request<proto::DeleteOperationRequest>,
    ) -> Result<Response<()>, Status> {
        call!(self.operations.delete, request)
    }

    async fn cancel_operation(
        &self,
        request: Request<proto::CancelOperationRequest>,
    ) -> Result<Response<()>, Status> {
        call!(self.operations.cancel, request)
    }

    async fn wait_operation(
        &self,
        request: Request<proto::WaitOperationRequest>,
    ) -> Result<Response<proto::Operation>, Status> {
        call!(self.operations.wait, request)
    }
}
