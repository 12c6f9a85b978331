//! A control plane on a database of the test's own, in this process.

use std::{path::PathBuf, sync::Arc};

use resido_control_plane::{Config, ControlPlane, NAME, Reconciled};
use resido_e2e::{
    database::{Database, Tenant},
    people::PASSWORD,
    scratch,
};
use resido_migrations::Sets;
use resido_observability::Metrics;
use resido_proto::{
    google::longrunning::operations_client::OperationsClient,
    headers,
    identity::{CONTEXT_ISSUER, ContextClaims, Mode, Role, Subject, TenantClaims},
    identity_api::v1::{
        auth_service_client::AuthServiceClient, role_service_client::RoleServiceClient,
        user_service_client::UserServiceClient,
    },
    ids::{TenantId, UserId},
    tenancy::v1::{self as proto, tenant_service_client::TenantServiceClient},
};
use resido_tenancy::{
    context::{Signer, Verifier},
    keys::SigningKey,
    server::{ContextLayer, ContextService},
};
use tokio::task::JoinHandle;
use tokio_postgres::Client;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{Request, Status, service::Routes};
use tonic_types::StatusExt as _;
use tower::Layer as _;

/// The request id of every call.
pub(super) const REQUEST_ID: &str = "3f0f7ad2-request";

pub(super) type Answer<T> = Result<tonic::Response<T>, Status>;

/// A database with the control plane's tables, which control planes come and go
/// on.
pub(super) struct Base {
    pub(super) database: Database,
    /// The administrator's connection.
    pub(super) admin: Client,
    /// Who operates the platform.
    pub(super) operator: UserId,
}

/// A running control plane. It ends when dropped.
pub(super) struct Plane {
    plane: ControlPlane,
    door: ContextService<Routes>,
    signer: Signer,
    /// Who calls as the operator.
    pub(super) operator: UserId,
    /// Where the mails go, unless there is a mail server.
    pub(super) outbox: PathBuf,
    shutdown: DropGuard,
    running: JoinHandle<()>,
}

/// Who calls.
#[derive(Debug, Clone, Copy)]
pub(super) enum Caller {
    Operator,
    Gateway,
    Anonymous,
    /// The owner of a tenant.
    Owner(Tenant, UserId),
}

impl Base {
    pub(super) async fn new() -> Self {
        let database = Database::migrated().await.unwrap();
        let admin = database.admin().await.unwrap();
        let operator = UserId::new();
        Self {
            database,
            admin,
            operator,
        }
    }

    /// Runs a statement as the administrator.
    pub(super) async fn sql(&self, sql: &str) -> u64 {
        self.admin.execute(sql, &[]).await.unwrap()
    }

    /// Asks for one number as the administrator.
    pub(super) async fn count(&self, sql: &str) -> i64 {
        self.admin.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// Starts a control plane with the built-in files.
    pub(super) fn plane(&self) -> Plane {
        self.plane_with(Sets::embedded().unwrap())
    }

    /// Starts a control plane that looks for unfinished work once, at its start.
    pub(super) fn plane_with(&self, sets: Sets) -> Plane {
        let config = Config {
            heartbeat_seconds: 1,
            reconcile_seconds: 3600,
            ..Config::default()
        };
        self.plane_of(config, sets)
    }

    /// Starts a control plane, with a new folder for mails.
    pub(super) fn plane_of(&self, mut config: Config, sets: Sets) -> Plane {
        let outbox = scratch::folder("outbox").unwrap();
        config.mail.outbox_dir.clone_from(&outbox);
        let metrics = Metrics::default();
        let db = self.database.control().unwrap();
        let key = || SigningKey::from_pem(&SigningKey::generate_pem().unwrap()).unwrap();
        let plane = ControlPlane::new(db, Arc::new(sets), key(), config, metrics.clone());
        let signer = Signer::new(key());
        let verifier = Arc::new(Verifier::new(&signer.jwks(), NAME));
        let shutdown = CancellationToken::new();
        Plane {
            door: ContextLayer::new(verifier, metrics).layer(plane.routes()),
            signer,
            outbox,
            operator: self.operator,
            running: tokio::spawn(plane.clone().run(shutdown.clone())),
            plane,
            shutdown: shutdown.drop_guard(),
        }
    }
}

impl Plane {
    /// Returns the control plane behind its layer, for clients of all services.
    pub(super) fn door(&self) -> ContextService<Routes> {
        self.door.clone()
    }

    /// Returns a call as somebody.
    pub(super) fn request<T>(&self, caller: Caller, message: T) -> Request<T> {
        self.request_by(caller, message, |_| {})
    }

    /// Returns a call as somebody of whom something else is claimed.
    pub(super) fn request_by<T>(
        &self,
        caller: Caller,
        message: T,
        change: impl FnOnce(&mut ContextClaims),
    ) -> Request<T> {
        let (sub, roles, tenant) = match caller {
            Caller::Operator => {
                let operator = Subject::User(self.operator);
                (operator, vec![Role::PLATFORM_ADMIN], None)
            }
            Caller::Gateway => (Subject::Service("gateway".into()), vec![], None),
            Caller::Anonymous => (Subject::Anonymous, vec![], None),
            Caller::Owner(tenant, user) => (Subject::User(user), vec![Role::OWNER], Some(tenant)),
        };
        let now = jsonwebtoken::get_current_timestamp();
        let mut claims = ContextClaims {
            iss: CONTEXT_ISSUER.into(),
            aud: NAME.into(),
            iat: now,
            exp: now + 60,
            sub,
            act: None,
            roles,
            perm: None,
            grants: Vec::new(),
            tenant: tenant.map(|tenant| TenantClaims {
                tid: tenant.id,
                epoch: tenant.epoch,
                plan: "free".into(),
                place: "main".into(),
                sv: 1,
                mode: Mode::ReadWrite,
            }),
        };
        change(&mut claims);
        let mut request = Request::new(message);
        let context = self.signer.sign(&claims).unwrap().parse().unwrap();
        request.metadata_mut().insert(headers::CONTEXT, context);
        let id = REQUEST_ID.parse().unwrap();
        request.metadata_mut().insert(headers::REQUEST_ID, id);
        request
    }

    pub(super) fn tenants(&self) -> TenantServiceClient<ContextService<Routes>> {
        TenantServiceClient::new(self.door.clone())
    }

    pub(super) fn auth(&self) -> AuthServiceClient<ContextService<Routes>> {
        AuthServiceClient::new(self.door.clone())
    }

    pub(super) fn users(&self) -> UserServiceClient<ContextService<Routes>> {
        UserServiceClient::new(self.door.clone())
    }

    pub(super) fn roles(&self) -> RoleServiceClient<ContextService<Routes>> {
        RoleServiceClient::new(self.door.clone())
    }

    pub(super) fn operations(&self) -> OperationsClient<ContextService<Routes>> {
        OperationsClient::new(self.door.clone())
    }

    /// Makes a person with [`PASSWORD`] a member.
    pub(super) async fn seed(&self, tenant: TenantId, email: &str, role: Role) -> UserId {
        let password = PASSWORD.to_owned().into();
        let roles = [role];
        let seeded = self.plane.seed_member(tenant, email, &password, &roles);
        seeded.await.unwrap()
    }

    /// Does one turn of what runs now and again, and waits for its work.
    pub(super) async fn reconcile(&self) -> Reconciled {
        self.plane.reconcile_once().await.unwrap()
    }

    /// Returns a call that creates a tenant with this slug and key.
    pub(super) fn creation(&self, slug: &str, key: &str) -> Request<proto::CreateTenantRequest> {
        let tenant = proto::Tenant {
            slug: slug.into(),
            display_name: "A tenant".into(),
            contact_email: format!("owner@{slug}.example"),
            ..Default::default()
        };
        let create = proto::CreateTenantRequest {
            tenant: Some(tenant),
            request_id: key.into(),
        };
        self.request(Caller::Operator, create)
    }

    /// Makes the call of [`creation`](Self::creation).
    pub(super) async fn ask(&self, slug: &str, key: &str) -> Answer<proto::CreateTenantResponse> {
        let create = self.creation(slug, key);
        self.tenants().create_tenant(create).await
    }

    /// Creates a tenant.
    pub(super) async fn create(&self, slug: &str) -> (Tenant, proto::CreateTenantResponse) {
        let created = self.ask(slug, "").await.unwrap().into_inner();
        let epoch = 2;
        let id = id_of(created.tenant.as_ref().unwrap());
        (Tenant { id, epoch }, created)
    }

    /// Returns a call that suspends a tenant.
    pub(super) fn suspension(&self, tenant: TenantId) -> Request<proto::SuspendTenantRequest> {
        let suspend = proto::SuspendTenantRequest {
            name: tenant.resource_name(),
            reason: "unpaid".into(),
        };
        self.request(Caller::Operator, suspend)
    }

    pub(super) async fn suspend(&self, tenant: TenantId) -> Answer<proto::Tenant> {
        let suspend = self.suspension(tenant);
        self.tenants().suspend_tenant(suspend).await
    }

    pub(super) async fn resume(&self, tenant: TenantId) -> Answer<proto::Tenant> {
        let name = tenant.resource_name();
        let resume = self.request(Caller::Operator, proto::ResumeTenantRequest { name });
        self.tenants().resume_tenant(resume).await
    }

    /// Ends in order, after all work has.
    pub(super) async fn stop(self) {
        drop(self.shutdown);
        self.running.await.unwrap();
    }
}

/// Returns the id in a tenant's name.
pub(super) fn id_of(tenant: &proto::Tenant) -> TenantId {
    TenantId::from_resource_name(&tenant.name).unwrap()
}

/// Returns the reason of an error.
pub(super) fn reason(status: &Status) -> String {
    let details = status.get_error_details();
    let info = details.error_info();
    info.map_or_else(String::new, |info| info.reason.clone())
}
