//! The calls about tenants.

use resido_proto::tenancy::v1::{self as proto, tenant_service_server::TenantService};
use resido_tenancy::server::call_context;
use tonic::{Request, Response, Status};

use super::answer;
use crate::{
    export::{ExportStream, Exports},
    fleet::{Fleet, MigrationStream},
    tenants::Tenants,
    watch::{WatchStream, Watches},
};

pub(super) struct TenantApi {
    pub(super) tenants: Tenants,
    pub(super) watches: Watches,
    pub(super) exports: Exports,
    pub(super) fleet: Fleet,
}

#[tonic::async_trait]
impl TenantService for TenantApi {
    type WatchTenantsStream = WatchStream;
    type ExportTenantStream = ExportStream;
    type MigrateTenantsStream = MigrationStream;

    async fn create_tenant(
        &self,
        request: Request<proto::CreateTenantRequest>,
    ) -> Result<Response<proto::CreateTenantResponse>, Status> {
        call!(self.tenants.create, request)
    }

    async fn get_tenant(
        &self,
        request: Request<proto::GetTenantRequest>,
    ) -> Result<Response<proto::Tenant>, Status> {
        call!(self.tenants.get, request)
    }

    async fn lookup_tenant(
        &self,
        request: Request<proto::LookupTenantRequest>,
    ) -> Result<Response<proto::Tenant>, Status> {
        call!(self.tenants.lookup, request)
    }

    async fn list_tenants(
        &self,
        request: Request<proto::ListTenantsRequest>,
    ) -> Result<Response<proto::ListTenantsResponse>, Status> {
        call!(self.tenants.list, request)
    }

    async fn suspend_tenant(
        &self,
        request: Request<proto::SuspendTenantRequest>,
    ) -> Result<Response<proto::Tenant>, Status> {
        call!(self.tenants.suspend, request)
    }

    async fn resume_tenant(
        &self,
        request: Request<proto::ResumeTenantRequest>,
    ) -> Result<Response<proto::Tenant>, Status> {
        call!(self.tenants.resume, request)
    }

    async fn update_tenant(
        &self,
        request: Request<proto::UpdateTenantRequest>,
    ) -> Result<Response<proto::Tenant>, Status> {
        call!(self.tenants.update, request)
    }

    async fn start_maintenance(
        &self,
        request: Request<proto::StartMaintenanceRequest>,
    ) -> Result<Response<proto::Tenant>, Status> {
        call!(self.tenants.start_maintenance, request)
    }

    async fn end_maintenance(
        &self,
        request: Request<proto::EndMaintenanceRequest>,
    ) -> Result<Response<proto::Tenant>, Status> {
        call!(self.tenants.end_maintenance, request)
    }

    async fn delete_tenant(
        &self,
        request: Request<proto::DeleteTenantRequest>,
    ) -> Result<Response<proto::Tenant>, Status> {
        call!(self.tenants.delete, request)
    }

    async fn undelete_tenant(
        &self,
        request: Request<proto::UndeleteTenantRequest>,
    ) -> Result<Response<proto::Tenant>, Status> {
        call!(self.tenants.undelete, request)
    }

    async fn purge_tenant(
        &self,
        request: Request<proto::PurgeTenantRequest>,
    ) -> Result<Response<proto::PurgeTenantResponse>, Status> {
        call!(self.tenants.purge, request)
    }

    async fn resend_activation(
        &self,
        request: Request<proto::ResendActivationRequest>,
    ) -> Result<Response<proto::ResendActivationResponse>, Status> {
        call!(self.tenants.resend_activation, request)
    }

    async fn add_tenant_domain(
        &self,
        request: Request<proto::AddTenantDomainRequest>,
    ) -> Result<Response<proto::Tenant>, Status> {
        call!(self.tenants.add_domain, request)
    }

    async fn remove_tenant_domain(
        &self,
        request: Request<proto::RemoveTenantDomainRequest>,
    ) -> Result<Response<proto::Tenant>, Status> {
        call!(self.tenants.remove_domain, request)
    }

    async fn export_tenant(
        &self,
        request: Request<proto::ExportTenantRequest>,
    ) -> Result<Response<Self::ExportTenantStream>, Status> {
        call!(self.exports.open, request)
    }

    async fn migrate_tenants(
        &self,
        request: Request<proto::MigrateTenantsRequest>,
    ) -> Result<Response<Self::MigrateTenantsStream>, Status> {
        call!(self.fleet.migrate, request)
    }

    async fn list_migration_runs(
        &self,
        request: Request<proto::ListMigrationRunsRequest>,
    ) -> Result<Response<proto::ListMigrationRunsResponse>, Status> {
        call!(self.fleet.list, request)
    }

    async fn get_migration_run(
        &self,
        request: Request<proto::GetMigrationRunRequest>,
    ) -> Result<Response<proto::MigrationRun>, Status> {
        call!(self.fleet.get, request)
    }

    async fn watch_tenants(
        &self,
        request: Request<proto::WatchTenantsRequest>,
    ) -> Result<Response<Self::WatchTenantsStream>, Status> {
        let ctx = call_context(&request)?;
        answer(self.watches.open(&ctx, request.into_inner()))
    }
}
