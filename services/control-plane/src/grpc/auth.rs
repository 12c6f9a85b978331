//! The calls about credentials.

use resido_proto::{
    google::api::HttpBody,
    identity_api::v1::{self as proto, auth_service_server::AuthService},
};
use resido_tenancy::server::call_context;
use tonic::{Request, Response, Status};

use super::{answer, pending};
use crate::auth::Auth;

pub(super) struct AuthApi {
    pub(super) auth: Auth,
}

#[tonic::async_trait]
impl AuthService for AuthApi {
    async fn login(
        &self,
        request: Request<proto::LoginRequest>,
    ) -> Result<Response<proto::LoginResponse>, Status> {
        call!(self.auth.login, request)
    }

    async fn refresh(
        &self,
        _request: Request<proto::RefreshRequest>,
    ) -> Result<Response<proto::LoginResponse>, Status> {
        Err(pending())
    }

    async fn logout(
        &self,
        _request: Request<proto::LogoutRequest>,
    ) -> Result<Response<()>, Status> {
        Err(pending())
    }

    async fn forgot_password(
        &self,
        _request: Request<proto::ForgotPasswordRequest>,
    ) -> Result<Response<()>, Status> {
        Err(pending())
    }

    async fn reset_password(
        &self,
        _request: Request<proto::ResetPasswordRequest>,
    ) -> Result<Response<()>, Status> {
        Err(pending())
    }

    async fn send_email_verification(
        &self,
        _request: Request<proto::SendEmailVerificationRequest>,
    ) -> Result<Response<()>, Status> {
        Err(pending())
    }

    async fn verify_email(
        &self,
        _request: Request<proto::VerifyEmailRequest>,
    ) -> Result<Response<()>, Status> {
        Err(pending())
    }

    async fn impersonate_user(
        &self,
        _request: Request<proto::ImpersonateUserRequest>,
    ) -> Result<Response<proto::ImpersonateUserResponse>, Status> {
        Err(pending())
    }

    async fn get_open_id_configuration(
        &self,
        _request: Request<proto::GetOpenIdConfigurationRequest>,
    ) -> Result<Response<HttpBody>, Status> {
        Err(pending())
    }

    async fn get_jwks(
        &self,
        request: Request<proto::GetJwksRequest>,
    ) -> Result<Response<HttpBody>, Status> {
        call_context(&request)?;
        answer(self.auth.jwks())
    }
}
