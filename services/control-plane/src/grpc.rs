//! The services on the wire: take the context, call, answer.

use resido_proto::{
    google::api::HttpBody,
    identity_api::v1::{
        self as identity,
        auth_service_server::{AuthService, AuthServiceServer},
        user_service_server::{UserService, UserServiceServer},
    },
    tenancy::v1::{
        self as tenancy,
        tenant_service_server::{TenantService, TenantServiceServer},
    },
};
use resido_tenancy::server::{call_context, into_status};
use tonic::{Request, Response, Status, service::Routes};

use crate::{
    Error,
    auth::Auth,
    tenants::Tenants,
    users::Users,
    watch::{WatchStream, Watches},
};

/// Returns all services, to be served behind a context layer.
pub(crate) fn routes(tenants: Tenants, watches: Watches, auth: Auth, users: Users) -> Routes {
    let tenants = TenantApi { tenants, watches };
    Routes::new(TenantServiceServer::new(tenants))
        .add_service(AuthServiceServer::new(AuthApi { auth }))
        .add_service(UserServiceServer::new(UserApi { users }))
}

struct TenantApi {
    tenants: Tenants,
    watches: Watches,
}

struct AuthApi {
    auth: Auth,
}

struct UserApi {
    users: Users,
}

/// Runs a call with the request's context and answers.
macro_rules! call {
    ($self:ident.$room:ident.$call:ident, $request:ident) => {{
        let ctx = call_context(&$request)?;
        answer(Box::pin($self.$room.$call(&ctx, $request.into_inner())).await)
    }};
}

fn answer<T>(result: Result<T, Error>) -> Result<Response<T>, Status> {
    result
        .map(Response::new)
        .map_err(|error| into_status(&error))
}

#[tonic::async_trait]
impl TenantService for TenantApi {
    type WatchTenantsStream = WatchStream;

    async fn watch_tenants(
        &self,
        request: Request<tenancy::WatchTenantsRequest>,
    ) -> Result<Response<WatchStream>, Status> {
        let ctx = call_context(&request)?;
        answer(self.watches.open(&ctx, request.into_inner()))
    }

    async fn create_tenant(
        &self,
        request: Request<tenancy::CreateTenantRequest>,
    ) -> Result<Response<tenancy::CreateTenantResponse>, Status> {
        call!(self.tenants.create, request)
    }

    async fn get_tenant(
        &self,
        request: Request<tenancy::GetTenantRequest>,
    ) -> Result<Response<tenancy::Tenant>, Status> {
        call!(self.tenants.get, request)
    }

    async fn lookup_tenant(
        &self,
        request: Request<tenancy::LookupTenantRequest>,
    ) -> Result<Response<tenancy::Tenant>, Status> {
        call!(self.tenants.lookup, request)
    }

    async fn list_tenants(
        &self,
        request: Request<tenancy::ListTenantsRequest>,
    ) -> Result<Response<tenancy::ListTenantsResponse>, Status> {
        call!(self.tenants.list, request)
    }

    async fn suspend_tenant(
        &self,
        request: Request<tenancy::SuspendTenantRequest>,
    ) -> Result<Response<tenancy::Tenant>, Status> {
        call!(self.tenants.suspend, request)
    }

    async fn resume_tenant(
        &self,
        request: Request<tenancy::ResumeTenantRequest>,
    ) -> Result<Response<tenancy::Tenant>, Status> {
        call!(self.tenants.resume, request)
    }
}

#[tonic::async_trait]
impl AuthService for AuthApi {
    async fn login(
        &self,
        request: Request<identity::LoginRequest>,
    ) -> Result<Response<identity::LoginResponse>, Status> {
        call!(self.auth.login, request)
    }

    async fn get_jwks(
        &self,
        request: Request<identity::GetJwksRequest>,
    ) -> Result<Response<HttpBody>, Status> {
        call_context(&request)?;
        answer(self.auth.jwks())
    }
}

#[tonic::async_trait]
impl UserService for UserApi {
    async fn register_user(
        &self,
        request: Request<identity::RegisterUserRequest>,
    ) -> Result<Response<identity::User>, Status> {
        call!(self.users.register, request)
    }

    async fn get_user(
        &self,
        request: Request<identity::GetUserRequest>,
    ) -> Result<Response<identity::User>, Status> {
        call!(self.users.get, request)
    }

    async fn list_users(
        &self,
        request: Request<identity::ListUsersRequest>,
    ) -> Result<Response<identity::ListUsersResponse>, Status> {
        call!(self.users.list, request)
    }
}
