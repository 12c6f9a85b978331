//! The calls about roles.

use resido_proto::identity_api::v1::{self as proto, role_service_server::RoleService};
use tonic::{Request, Response, Status};

use super::pending;

pub(super) struct RoleApi;

#[tonic::async_trait]
impl RoleService for RoleApi {
    async fn create_role(
        &self,
        _request: Request<proto::CreateRoleRequest>,
    ) -> Result<Response<proto::Role>, Status> {
        Err(pending())
    }

    async fn get_role(
        &self,
        _request: Request<proto::GetRoleRequest>,
    ) -> Result<Response<proto::Role>, Status> {
        Err(pending())
    }

    async fn list_roles(
        &self,
        _request: Request<proto::ListRolesRequest>,
    ) -> Result<Response<proto::ListRolesResponse>, Status> {
        Err(pending())
    }

    async fn update_role(
        &self,
        _request: Request<proto::UpdateRoleRequest>,
    ) -> Result<Response<proto::Role>, Status> {
        Err(pending())
    }

    async fn delete_role(
        &self,
        _request: Request<proto::DeleteRoleRequest>,
    ) -> Result<Response<()>, Status> {
        Err(pending())
    }
}
