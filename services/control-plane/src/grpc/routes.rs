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
use crate::{
    api_keys::ApiKeys, audit::AuditLog, auth::Auth, export::Exports, fleet::Fleet,
    impersonation::Impersonations, operations::Operations, roles::Roles, tenants::Tenants,
    tokens::Issuer, usage::Measures, users::Users, watch::Watches,
};

/// What the services call.
pub(crate) struct Rooms {
    pub(crate) tenants: Tenants,
    pub(crate) exports: Exports,
    pub(crate) fleet: Fleet,
    pub(crate) measures: Measures,
    pub(crate) operations: Operations,
    pub(crate) watches: Watches,
    pub(crate) auth: Auth,
    pub(crate) issuer: Issuer,
    pub(crate) users: Users,
    pub(crate) api_keys: ApiKeys,
    pub(crate) audit: AuditLog,
    pub(crate) impersonations: Impersonations,
    pub(crate) roles: Roles,
}

/// Returns all services, to be served behind a context layer.
pub(crate) fn routes(rooms: Rooms) -> Routes {
    let tenants = TenantApi {
        tenants: rooms.tenants,
        watches: rooms.watches,
        exports: rooms.exports,
        fleet: rooms.fleet,
    };
    Routes::new(TenantServiceServer::new(tenants))
        .add_service(UsageServiceServer::new(UsageApi {
            measures: rooms.measures,
        }))
        .add_service(OperationsServer::new(OperationApi {
            operations: rooms.operations,
        }))
        .add_service(AuthServiceServer::new(AuthApi {
            auth: rooms.auth.clone(),
            issuer: rooms.issuer,
            impersonations: rooms.impersonations,
        }))
        .add_service(UserServiceServer::new(UserApi {
            users: rooms.users,
            auth: rooms.auth,
        }))
        .add_service(RoleServiceServer::new(RoleApi { roles: rooms.roles }))
        .add_service(ApiKeyServiceServer::new(ApiKeyApi {
            keys: rooms.api_keys,
        }))
        .add_service(AuditServiceServer::new(AuditApi { log: rooms.audit }))
}
