//! What the operator asks of one tenant, and what tests look up of it.

use std::time::Duration;

use resido_e2e::{
    database::{Database, Tenant},
    door::Door,
};
use resido_proto::{
    error::Failure as _,
    identity_api::v1 as identity,
    ids::TenantId,
    tenancy::v1::{self as proto, start_maintenance_request::Mode},
};
use resido_tenancy::db::Access;

use super::plane::{Answer, Base, Caller, Plane};

/// After how long whoever meets maintenance tries again.
const MAINTENANCE: Duration = Duration::from_secs(30);

/// What a schema lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lets {
    Writes,
    Reads,
    Nothing,
}

macro_rules! calls {
    ($($call:ident($request:ident $(, $field:ident: $type:ty)*) -> $answer:ident by $rpc:ident;)*) => {
        impl Plane {
            $(pub(super) async fn $call(
                &self,
                tenant: TenantId
                $(, $field: $type)*
            ) -> Answer<proto::$answer> {
                let request = proto::$request {
                    name: tenant.resource_name(),
                    $($field: $field.into(),)*
                };
                let request = self.request(Caller::Operator, request);
                self.tenants().$rpc(request).await
            })*
        }
    };
}

calls! {
    get(GetTenantRequest) -> Tenant by get_tenant;
    end_maintenance(EndMaintenanceRequest) -> Tenant by end_maintenance;
    undelete(UndeleteTenantRequest) -> Tenant by undelete_tenant;
    resend(ResendActivationRequest) -> ResendActivationResponse by resend_activation;
    add_domain(AddTenantDomainRequest, domain: &str) -> Tenant by add_tenant_domain;
    remove_domain(RemoveTenantDomainRequest, domain: &str) -> Tenant by remove_tenant_domain;
}

impl Plane {
    pub(super) async fn maintain(&self, id: TenantId, mode: Mode) -> Answer<proto::Tenant> {
        let maintain = proto::StartMaintenanceRequest {
            name: id.resource_name(),
            mode: mode.into(),
            reason: "a move".into(),
        };
        let maintain = self.request(Caller::Operator, maintain);
        self.tenants().start_maintenance(maintain).await
    }

    pub(super) async fn delete(&self, id: TenantId) -> Answer<proto::Tenant> {
        self.delete_with(proto::DeleteTenantRequest {
            name: id.resource_name(),
            ..Default::default()
        })
        .await
    }

    pub(super) async fn delete_with(
        &self,
        request: proto::DeleteTenantRequest,
    ) -> Answer<proto::Tenant> {
        let request = self.request(Caller::Operator, request);
        self.tenants().delete_tenant(request).await
    }

    /// Changes the fields of a tenant that the mask names.
    pub(super) async fn update(
        &self,
        id: TenantId,
        tenant: proto::Tenant,
        mask: &[&str],
    ) -> Answer<proto::Tenant> {
        let update = proto::UpdateTenantRequest {
            tenant: Some(proto::Tenant {
                name: id.resource_name(),
                ..tenant
            }),
            update_mask: Some(prost_types::FieldMask {
                paths: mask.iter().map(ToString::to_string).collect(),
            }),
        };
        let update = self.request(Caller::Operator, update);
        self.tenants().update_tenant(update).await
    }

    pub(super) async fn rename(&self, id: TenantId, slug: &str) -> Answer<proto::Tenant> {
        let tenant = proto::Tenant {
            slug: slug.into(),
            ..Default::default()
        };
        self.update(id, tenant, &["slug"]).await
    }

    pub(super) async fn lookup(
        &self,
        key: proto::lookup_tenant_request::Key,
    ) -> Answer<proto::Tenant> {
        let lookup = proto::LookupTenantRequest { key: Some(key) };
        let lookup = self.request(Caller::Operator, lookup);
        self.tenants().lookup_tenant(lookup).await
    }

    pub(super) async fn register(&self, token: &str, email: &str) -> Answer<identity::User> {
        let register = identity::RegisterUserRequest {
            activation_token: token.to_owned(),
            email: email.into(),
            password: "correct horse battery".into(),
            ..Default::default()
        };
        let register = self.request(Caller::Anonymous, register);
        self.users().register_user(register).await
    }
}

impl Base {
    /// Asks the schema of a tenant with the present epoch.
    pub(super) async fn lets(&self, tenant: TenantId) -> Lets {
        let epoch = format!("select epoch from tenants where id = '{tenant}'");
        let epoch = self.count(&epoch).await;
        let tenant = Tenant { id: tenant, epoch };
        lets(&self.database, &tenant).await
    }
}

async fn lets(database: &Database, tenant: &Tenant) -> Lets {
    let (db, door) = (database.app(1).unwrap(), Door::new().unwrap());
    let ctx = door.enter(tenant).await.unwrap();
    for (access, lets) in [(Access::Write, Lets::Writes), (Access::Read, Lets::Reads)] {
        match db.begin(&ctx, access).await {
            Ok(tx) => {
                tx.rollback().await.unwrap();
                return lets;
            }
            Err(refused) => assert_eq!(refused.retry_after(), Some(MAINTENANCE), "{refused:?}"),
        }
    }
    Lets::Nothing
}
