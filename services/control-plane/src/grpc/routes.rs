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
use resido_tenancy::server::MAX_MESSAGE_BYTES;
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
    let usage = UsageApi {
        measures: rooms.measures,
    };
    let operations = OperationApi {
        operations: rooms.operations,
    };
    let auth = AuthApi {
        auth: rooms.auth.clone(),
        issuer: rooms.issuer,
        impersonations: rooms.impersonations,
    };
    let users = UserApi {
        users: rooms.users,
        auth: rooms.auth,
    };
    let roles = RoleApi { roles: rooms.roles };
    let keys = ApiKeyApi {
        keys: rooms.api_keys,
    };
    let audit = AuditApi { log: rooms.audit };
    // The gateway bounds messages before.
    macro_rules! services {
        ($first:ident($one:ident) $(, $server:ident($api:ident))*) => {
            Routes::new($first::new($one).max_decoding_message_size(MAX_MESSAGE_BYTES))
                $(.add_service($server::new($api).max_decoding_message_size(MAX_MESSAGE_BYTES)))*
        };
    }
    services!(
        TenantServiceServer(tenants),
        UsageServiceServer(usage),
        OperationsServer(operations),
        AuthServiceServer(auth),
        UserServiceServer(users),
        RoleServiceServer(roles),
        ApiKeyServiceServer(keys),
        AuditServiceServer(audit)
    )
}
