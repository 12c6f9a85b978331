//! Which services there are.

use resido_proto::{
    google::longrunning::operations_server::OperationsServer,
    identity_api::v1::{
        api_key_service_server::ApiKeyServiceServer, audit_service_server::AuditServiceServer,
        auth_service_server::AuthServiceServer, role_service_server::RoleServiceServer,
        user_service_server::UserServiceServer,
    },
    tenancy::v1::{
        tenant_service_server::TenantServiceServer, usage_service_server::UsageServiceServer,
    },
};
use tonic::service::Routes;

use super::{
    api_keys::ApiKeyApi, audit::AuditApi, auth::AuthApi, operations::OperationApi, roles::RoleApi,
    tenants::TenantApi, usage::UsageApi, users::UserApi,
};
use crate::{auth::Auth, tenants::Tenants, users::Users, watch::Watches};

/// Returns all services, to be served behind a context layer.
pub(crate) fn routes(tenants: Tenants, watches: Watches, auth: Auth, users: Users) -> Routes {
    let tenants = TenantApi { tenants, watches };
    Routes::new(TenantServiceServer::new(tenants))
        .add_service(UsageServiceServer::new(UsageApi))
        .add_service(OperationsServer::new(OperationApi))
        .add_service(AuthServiceServer::new(AuthApi { auth: auth.clone() }))
        .add_service(UserServiceServer::new(UserApi { users, auth }))
        .add_service(RoleServiceServer::new(RoleApi))
        .add_service(ApiKeyServiceServer::new(ApiKeyApi))
        .add_service(AuditServiceServer::new(AuditApi))
}
