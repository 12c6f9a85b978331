//! The calls about API keys.

use resido_proto::identity_api::v1::{self as proto, api_key_service_server::ApiKeyService};
use tonic::{Request, Response, Status};

use crate::api_keys::ApiKeys;

pub(super) struct ApiKeyApi {
    pub(super) keys: ApiKeys,
}

#[tonic::async_trait]
impl ApiKeyService for ApiKeyApi {
    async fn create_api_key(
        &self,
        request: Request<proto::CreateApiKeyRequest>,
    ) -> Result<Response<proto::CreateApiKeyResponse>, Status> {
        call!(self.keys.create, request)
    }

    async fn get_api_key(
        &self,
        request: Request<proto::GetApiKeyRequest>,
    ) -> Result<Response<proto::ApiKey>, Status> {
        call!(self.keys.get, request)
    }

    async fn list_api_keys(
        &self,
        request: Request<proto::ListApiKeysRequest>,
    ) -> Result<Response<proto::ListApiKeysResponse>, Status> {
        call!(self.keys.list, request)
    }

    async fn revoke_api_key(
        &self,
        request: Request<proto::RevokeApiKeyRequest>,
    ) -> Result<Response<proto::ApiKey>, Status> {
        call!(self.keys.revoke, request)
    }

    async fn rotate_api_key(
        &self,
        request: Request<proto::RotateApiKeyRequest>,
    ) -> Result<Response<proto::RotateApiKeyResponse>, Status> {
        call!(self.keys.rotate, request)
    }

    async fn resolve_api_key(
        &self,
        request: Request<proto::ResolveApiKeyRequest>,
    ) -> Result<Response<proto::ResolveApiKeyResponse>, Status> {
        call!(self.keys.resolve, request)
    }
}
