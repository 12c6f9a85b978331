//! The calls about roles.

use resido_proto::identity_api::v1::{self as proto, role_service_server::RoleService};
use tonic::{Request, Response, Status};

use crate::roles::Roles;

pub(super) struct RoleApi {
    pub(super) roles: Roles,
}

#[tonic::async_trait]
impl RoleService for RoleApi {
    async fn create_role(
        &self,
        request: Request<proto::CreateRoleRequest>,
    ) -> Result<Response<proto::Role>, Status> {
        call!(self.roles.create, request)
    }

    async fn get_role(
        &self,
        request: Request<proto::GetRoleRequest>,
    ) -> Result<Response<proto::Role>, Status> {
        call!(self.roles.get, request)
    }

    async fn list_roles(
        &self,
        request: Request<proto::ListRolesRequest>,
    ) -> Result<Response<proto::ListRolesResponse>, Status> {
        call!(self.roles.list, request)
    }

    async fn update_role(
        &self,
        request: Request<proto::UpdateRoleRequest>,
    ) -> Result<Response<proto::Role>, Status> {
        call!(self.roles.update, request)
    }

    async fn delete_role(
        &self,
        request: Request<proto::DeleteRoleRequest>,
    ) -> Result<Response<()>, Status> {
        call!(self.roles.delete, request)
    }
}
