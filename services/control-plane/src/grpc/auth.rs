//! The calls about credentials.

use resido_proto::{
    google::api::HttpBody,
    identity_api::v1::{self as proto, auth_service_server::AuthService},
};
use resido_tenancy::server::call_context;
use tonic::{Request, Response, Status, metadata::MetadataValue};

use super::answer;
use crate::{
    Error,
    auth::Auth,
    impersonation::Impersonations,
    tokens::{CACHE_CONTROL, Issuer},
};

pub(super) struct AuthApi {
    pub(super) auth: Auth,
    pub(super) issuer: Issuer,
    pub(super) impersonations: Impersonations,
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
        request: Request<proto::RefreshRequest>,
    ) -> Result<Response<proto::LoginResponse>, Status> {
        call!(self.auth.refresh, request)
    }

    async fn logout(&self, request: Request<proto::LogoutRequest>) -> Result<Response<()>, Status> {
        call!(self.auth.logout, request)
    }

    async fn forgot_password(
        &self,
        request: Request<proto::ForgotPasswordRequest>,
    ) -> Result<Response<()>, Status> {
        call!(self.auth.forgot_password, request)
    }

    async fn reset_password(
        &self,
        request: Request<proto::ResetPasswordRequest>,
    ) -> Result<Response<()>, Status> {
        call!(self.auth.reset_password, request)
    }

    async fn send_email_verification(
        &self,
        request: Request<proto::SendEmailVerificationRequest>,
    ) -> Result<Response<()>, Status> {
        call!(self.auth.send_email_verification, request)
    }

    async fn verify_email(
        &self,
        request: Request<proto::VerifyEmailRequest>,
    ) -> Result<Response<()>, Status> {
        call!(self.auth.verify_email, request)
    }

    async fn impersonate_user(
        &self,
        request: Request<proto::ImpersonateUserRequest>,
    ) -> Result<Response<proto::ImpersonateUserResponse>, Status> {
        call!(self.impersonations.impersonate, request)
    }

    async fn get_open_id_configuration(
        &self,
        request: Request<proto::GetOpenIdConfigurationRequest>,
    ) -> Result<Response<HttpBody>, Status> {
        call_context(&request)?;
        document(self.issuer.openid_configuration())
    }

    async fn get_jwks(
        &self,
        request: Request<proto::GetJwksRequest>,
    ) -> Result<Response<HttpBody>, Status> {
        call_context(&request)?;
        document(self.issuer.jwks())
    }
}

/// Answers with a document of which everybody may keep a copy.
fn document(result: Result<HttpBody, Error>) -> Result<Response<HttpBody>, Status> {
    let mut response = answer(result)?;
    let copies = MetadataValue::from_static(CACHE_CONTROL);
    response.metadata_mut().insert("cache-control", copies);
    Ok(response)
}
