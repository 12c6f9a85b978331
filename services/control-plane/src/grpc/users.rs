//! The calls about people.

use resido_proto::identity_api::v1::{self as proto, user_service_server::UserService};
use tonic::{Request, Response, Status};

use crate::{auth::Auth, users::Users};

pub(super) struct UserApi {
    pub(super) users: Users,
    pub(super) auth: Auth,
}

#[tonic::async_trait]
impl UserService for UserApi {
    async fn register_user(
        &self,
        request: Request<proto::RegisterUserRequest>,
    ) -> Result<Response<proto::User>, Status> {
        call!(self.users.register, request)
    }

    async fn get_user(
        &self,
        request: Request<proto::GetUserRequest>,
    ) -> Result<Response<proto::User>, Status> {
        call!(self.users.get, request)
    }

    async fn list_users(
        &self,
        request: Request<proto::ListUsersRequest>,
    ) -> Result<Response<proto::ListUsersResponse>, Status> {
        call!(self.users.list, request)
    }

    async fn invite_user(
        &self,
        request: Request<proto::InviteUserRequest>,
    ) -> Result<Response<proto::Invitation>, Status> {
        call!(self.users.invite, request)
    }

    async fn list_invitations(
        &self,
        request: Request<proto::ListInvitationsRequest>,
    ) -> Result<Response<proto::ListInvitationsResponse>, Status> {
        call!(self.users.list_invitations, request)
    }

    async fn resend_invitation(
        &self,
        request: Request<proto::ResendInvitationRequest>,
    ) -> Result<Response<proto::Invitation>, Status> {
        call!(self.users.resend_invitation, request)
    }

    async fn revoke_invitation(
        &self,
        request: Request<proto::RevokeInvitationRequest>,
    ) -> Result<Response<proto::Invitation>, Status> {
        call!(self.users.revoke_invitation, request)
    }

    async fn update_user(
        &self,
        request: Request<proto::UpdateUserRequest>,
    ) -> Result<Response<proto::User>, Status> {
        call!(self.users.update, request)
    }

    async fn change_password(
        &self,
        request: Request<proto::ChangePasswordRequest>,
    ) -> Result<Response<proto::LoginResponse>, Status> {
        call!(self.auth.change_password, request)
    }

    async fn activate_user(
        &self,
        request: Request<proto::ActivateUserRequest>,
    ) -> Result<Response<proto::User>, Status> {
        call!(self.users.activate, request)
    }

    async fn deactivate_user(
        &self,
        request: Request<proto::DeactivateUserRequest>,
    ) -> Result<Response<proto::User>, Status> {
        call!(self.users.deactivate, request)
    }

    async fn set_roles(
        &self,
        request: Request<proto::SetRolesRequest>,
    ) -> Result<Response<proto::User>, Status> {
        call!(self.users.set_roles, request)
    }

    async fn delete_user(
        &self,
        request: Request<proto::DeleteUserRequest>,
    ) -> Result<Response<()>, Status> {
        call!(self.users.delete, request)
    }
}
