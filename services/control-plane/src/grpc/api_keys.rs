//! The calls about API keys.

use resido_proto::identity_api::v1::{self as proto, api_key_service_server::ApiKeyService};
use tonic::{Request, Response, Status};

use super::pending;

pub(super) struct ApiKeyApi;

#[tonic::async_trait]
impl ApiKeyService for ApiKeyApi {
    async fn create_api_key(
        &self,
        _request: Request<proto::CreateApiKeyRequest>,
    ) -> Result<Response<proto::CreateApiKeyResponse>, Status> {
        Err(pending())
    }

    async fn get_api_key(
        &self,
        _request: Request<proto::GetApiKeyRequest>,
    ) -> Result<Response<proto::ApiKey>, Status> {
        Err(pending())
    }

    async fn list_api_keys(
        &self,
        _request: Request<proto::ListApiKeysRequest>,
    ) -> Result<Response<proto::ListApiKeysResponse>, Status> {
        Err(pending())
    }

    async fn revoke_api_key(
        &self,
        _request: Request<proto::RevokeApiKeyRequest>,
    ) -> Result<Response<proto::ApiKey>, Status> {
        Err(pending())
    }

    async fn rotate_api_key(
        &self,
        _request: Request<proto::RotateApiKeyRequest>,
    ) -> Result<Response<proto::RotateApiKeyResponse>, Status> {
        Err(pending())
    }

    async fn resolve_api_key(
        &self,
        _request: Request<proto::ResolveApiKeyRequest>,
    ) -> Result<Response<proto::ResolveApiKeyResponse>, Status> {
        Err(pending())
    }
}
