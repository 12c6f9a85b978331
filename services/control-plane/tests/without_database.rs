//! What the control plane decides before it asks the database: who may call,
//! what a request must look like, and how much at once. No test here has a
//! database, so an answer of `DATABASE_UNAVAILABLE` means that a call got through.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::{sync::Arc, time::Duration};

use resido_control_plane::{Config, ControlPlane, NAME};
use resido_migrations::Sets;
use resido_observability::Metrics;
use resido_proto::{
    headers,
    identity::{CONTEXT_ISSUER, ContextClaims, Mode, Role, Subject, TenantClaims},
    identity_api::v1::{
        self as identity, auth_service_client::AuthServiceClient,
        user_service_client::UserServiceClient,
    },
    ids::{TenantId, UserId},
    tenancy::v1::{self as tenancy, tenant_service_client::TenantServiceClient},
};
use resido_tenancy::{
    context::{Signer, Verifier},
    db::{self, PublicDatabase},
    keys::SigningKey,
    server::{ContextLayer, ContextService},
};
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Status, service::Routes};
use tonic_types::StatusExt as _;
use tower::Layer as _;

/// A control plane behind its layer, and the gateway's key.
struct Plane {
    plane: ControlPlane,
    door: ContextService<Routes>,
    signer: Signer,
}

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Caller {
    Anonymous,
    Viewer,
    Owner,
    /// A member whose token wrongly names a role of the platform.
    Disguised,
    Support,
    Admin,
    Gateway,
}

const CALLERS: [Caller; 7] = [
    Caller::Anonymous,
    Caller::Viewer,
    Caller::Owner,
    Caller::Disguised,
    Caller::Support,
    Caller::Admin,
    Caller::Gateway,
];

impl Caller {
    fn claims(self) -> ContextClaims {
        let user = || Subject::User(UserId::new());
        let (sub, roles, member) = match self {
            Self::Anonymous => (Subject::Anonymous, vec![], false),
            Self::Viewer => (user(), vec![Role::VIEWER], true),
            Self::Owner => (user(), vec![Role::OWNER], true),
            Self::Disguised => (user(), vec![Role::PLATFORM_ADMIN], true),
            Self::Support => (user(), vec![Role::PLATFORM_SUPPORT], false),
            Self::Admin => (user(), vec![Role::PLATFORM_ADMIN], false),
            Self::Gateway => (Subject::Service("gateway".into()), vec![], false),
        };
        let now = jsonwebtoken::get_current_timestamp();
        ContextClaims {
            iss: CONTEXT_ISSUER.into(),
            aud: NAME.into(),
            iat: now,
            exp: now + 60,
            sub,
            act: None,
            roles,
            perm: None,
            grants: Vec::new(),
            tenant: member.then(|| TenantClaims {
                tid: TenantId::new(),
                epoch: 2,
                plan: "free".into(),
                place: "main".into(),
                sv: 1,
                mode: Mode::ReadWrite,
            }),
        }
    }
}

fn plane_with(config: Config) -> Plane {
    // Nothing listens on port 9 of a test machine's loopback.
    let mut settings = db::Config::new("postgresql://x_control@127.0.0.1:9/x?sslmode=disable");
    settings.acquire_timeout = Duration::from_millis(200);
    let metrics = Metrics::default();
    let db = PublicDatabase::new(settings, metrics.clone()).unwrap();
    let key = || SigningKey::from_pem(&SigningKey::generate_pem().unwrap()).unwrap();
    let sets = Arc::new(Sets::embedded().unwrap());
    let plane = ControlPlane::new(db, sets, key(), config, metrics.clone());
    let signer = Signer::new(key());
    let verifier = Arc::new(Verifier::new(&signer.jwks(), NAME));
    let door = ContextLayer::new(verifier, metrics).layer(plane.routes());
    Plane {
        plane,
        door,
        signer,
    }
}

fn plane() -> Plane {
    plane_with(Config::default())
}

impl Plane {
    fn request<T>(&self, caller: Caller, message: T) -> Request<T> {
        self.request_as(&caller.claims(), message)
    }

    fn request_as<T>(&self, claims: &ContextClaims, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let context = self.signer.sign(claims).unwrap();
        request
            .metadata_mut()
            .insert(headers::CONTEXT, context.parse().unwrap());
        request
    }

    fn tenants(&self) -> TenantServiceClient<ContextService<Routes>> {
        TenantServiceClient::new(self.door.clone())
    }

    fn auth(&self) -> AuthServiceClient<ContextService<Routes>> {
        AuthServiceClient::new(self.door.clone())
    }

    fn users(&self) -> UserServiceClient<ContextService<Routes>> {
        UserServiceClient::new(self.door.clone())
    }
}

fn reason(status: &Status) -> String {
    let details = status.get_error_details();
    details
        .error_info()
        .map_or_else(String::new, |info| info.reason.clone())
}

fn fields(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    let mut fields: Vec<_> = details
        .bad_request()
        .map(|bad| {
            bad.field_violations
                .iter()
                .map(|v| v.field.clone())
                .collect()
        })
        .unwrap_or_default();
    fields.sort();
    fields
}

/// Whether a call got as far as the database.
fn got_through<T>(result: Result<T, Status>) -> bool {
    let status = result.err().unwrap();
    match reason(&status).as_str() {
        "DATABASE_UNAVAILABLE" | "DATABASE_BUSY" => true,
        "ROLE_REQUIRED" | "TENANT_DENIED" => {
            assert_eq!(status.code(), Code::PermissionDenied);
            false
        }
        other => panic!("{other}: {status:?}"),
    }
}

fn tenant() -> tenancy::Tenant {
    tenancy::Tenant {
        slug: "acme".into(),
        display_name: "Acme".into(),
        contact_email: "owner@acme.example".into(),
        ..Default::default()
    }
}

#[tokio::test]
async fn only_administrators_of_the_platform_change_tenants() {
    let plane = plane();
    for caller in CALLERS {
        let expected = caller == Caller::Admin;
        let create = tenancy::CreateTenantRequest {
            tenant: Some(tenant()),
            request_id: String::new(),
        };
        let create = plane.request(caller, create);
        let result = plane.tenants().create_tenant(create).await;
        assert_eq!(got_through(result), expected, "create as {caller:?}");
        let name = TenantId::new().resource_name();
        let suspend = tenancy::SuspendTenantRequest {
            name: name.clone(),
            reason: String::new(),
        };
        let suspend = plane.request(caller, suspend);
        let result = plane.tenants().suspend_tenant(suspend).await;
        assert_eq!(got_through(result), expected, "suspend as {caller:?}");
        let resume = plane.request(caller, tenancy::ResumeTenantRequest { name });
        let result = plane.tenants().resume_tenant(resume).await;
        assert_eq!(got_through(result), expected, "resume as {caller:?}");
    }
}

#[tokio::test]
async fn only_staff_of_the_platform_looks_at_tenants() {
    use tenancy::lookup_tenant_request::Key;
    let plane = plane();
    for caller in CALLERS {
        let expected = matches!(caller, Caller::Admin | Caller::Support);
        let name = TenantId::new().resource_name();
        let get = plane.request(caller, tenancy::GetTenantRequest { name });
        let result = plane.tenants().get_tenant(get).await;
        assert_eq!(got_through(result), expected, "get as {caller:?}");
        let key = Some(Key::Slug("acme".into()));
        let lookup = plane.request(caller, tenancy::LookupTenantRequest { key });
        let result = plane.tenants().lookup_tenant(lookup).await;
        assert_eq!(got_through(result), expected, "lookup as {caller:?}");
        let list = plane.request(caller, tenancy::ListTenantsRequest::default());
        let result = plane.tenants().list_tenants(list).await;
        assert_eq!(got_through(result), expected, "list as {caller:?}");
    }
}

#[tokio::test]
async fn only_members_look_at_people() {
    let plane = plane();
    for caller in CALLERS {
        let member = matches!(caller, Caller::Viewer | Caller::Owner | Caller::Disguised);
        let name = "users/me".into();
        let get = plane.request(caller, identity::GetUserRequest { name });
        let result = plane.users().get_user(get).await;
        assert_eq!(got_through(result), member, "get as {caller:?}");
        let list = plane.request(caller, identity::ListUsersRequest::default());
        let result = plane.users().list_users(list).await;
        let expected = caller == Caller::Owner;
        assert_eq!(got_through(result), expected, "list as {caller:?}");
    }
}

#[tokio::test]
async fn permissions_narrow_what_a_role_may_do() {
    let plane = plane();
    let mut claims = Caller::Admin.claims();
    claims.perm = Some(vec!["tenants.read".into()]);
    let list = plane.request_as(&claims, tenancy::ListTenantsRequest::default());
    assert!(got_through(plane.tenants().list_tenants(list).await));
    let name = TenantId::new().resource_name();
    let resume = plane.request_as(&claims, tenancy::ResumeTenantRequest { name });
    assert!(!got_through(plane.tenants().resume_tenant(resume).await));
}

#[tokio::test]
async fn only_parts_of_the_product_watch() {
    let plane = plane();
    for caller in CALLERS {
        let watch = plane.request(caller, tenancy::WatchTenantsRequest::default());
        let answer = plane.tenants().watch_tenants(watch).await;
        if caller == Caller::Gateway {
            let ended = answer.unwrap().into_inner().message().await;
            assert!(got_through(ended), "the stream says what is wrong");
        } else {
            assert!(!got_through(answer), "watch as {caller:?}");
        }
    }
}

#[tokio::test]
async fn nothing_is_served_without_a_context() {
    let plane = plane();
    let jwks = plane.auth().get_jwks(identity::GetJwksRequest {}).await;
    let login = plane.auth().login(identity::LoginRequest::default()).await;
    for status in [jwks.err().unwrap(), login.err().unwrap()] {
        assert_eq!(status.code(), Code::Unauthenticated);
        assert_eq!(reason(&status), "CONTEXT_REQUIRED");
    }
}

#[tokio::test]
async fn the_keys_are_json_and_need_no_database() {
    let plane = plane();
    let request = plane.request(Caller::Anonymous, identity::GetJwksRequest {});
    let body = plane.auth().get_jwks(request).await.unwrap().into_inner();
    assert_eq!(body.content_type, "application/json");
    let keys: jsonwebtoken::jwk::JwkSet = serde_json::from_slice(&body.data).unwrap();
    assert_eq!(keys.keys.len(), 1);
}

#[tokio::test]
async fn every_fault_of_a_request_is_named_at_once() {
    let plane = plane();
    let create = tenancy::CreateTenantRequest {
        tenant: None,
        request_id: "k".repeat(129),
    };
    let create = plane.request(Caller::Admin, create);
    let status = plane.tenants().create_tenant(create).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(reason(&status), "REQUEST_INVALID");
    let expected = [
        "request_id",
        "tenant.contact_email",
        "tenant.display_name",
        "tenant.slug",
    ];
    assert_eq!(fields(&status), expected);
    let suspend = tenancy::SuspendTenantRequest {
        name: "tenants/acme".into(),
        reason: "r".repeat(501),
    };
    let suspend = plane.request(Caller::Admin, suspend);
    let status = plane.tenants().suspend_tenant(suspend).await.unwrap_err();
    assert_eq!(fields(&status), ["name", "reason"]);
    let list = tenancy::ListTenantsRequest {
        page_size: -1,
        page_token: "?".into(),
        ..Default::default()
    };
    let list = plane.request(Caller::Support, list);
    let status = plane.tenants().list_tenants(list).await.unwrap_err();
    assert_eq!(fields(&status), ["page_size", "page_token"]);
    let lookup = plane.request(Caller::Support, tenancy::LookupTenantRequest { key: None });
    let status = plane.tenants().lookup_tenant(lookup).await.unwrap_err();
    assert_eq!(fields(&status), ["slug"]);
}

#[tokio::test]
async fn a_malformed_claim_or_registration_is_named_field_by_field() {
    let plane = plane();
    let login = identity::LoginRequest {
        tenant: "No Slug".into(),
        ..Default::default()
    };
    let login = plane.request(Caller::Anonymous, login);
    let status = plane.auth().login(login).await.unwrap_err();
    assert_eq!(fields(&status), ["email", "password", "tenant"]);
    let register = identity::RegisterUserRequest {
        password: "hunter2".into(),
        ..Default::default()
    };
    let register = plane.request(Caller::Anonymous, register);
    let status = plane.users().register_user(register).await.unwrap_err();
    assert_eq!(fields(&status), ["activation_token", "email", "password"]);
    assert!(!format!("{status:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_text_that_is_no_token_costs_neither_hash_nor_query() {
    let plane = plane();
    let register = identity::RegisterUserRequest {
        activation_token: "nonsense".into(),
        email: "owner@acme.example".into(),
        password: "a long password".into(),
        ..Default::default()
    };
    let register = plane.request(Caller::Anonymous, register);
    let status = plane.users().register_user(register).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(reason(&status), "ACTIVATION_TOKEN_INVALID");
}

#[tokio::test]
async fn a_program_has_no_record_of_its_own() {
    let plane = plane();
    let mut claims = Caller::Viewer.claims();
    claims.sub = Subject::ApiKey("rsk_1".into());
    let name = "users/me".into();
    let get = plane.request_as(&claims, identity::GetUserRequest { name });
    let status = plane.users().get_user(get).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    assert_eq!(reason(&status), "RESOURCE_NOT_FOUND");
}

#[tokio::test]
async fn work_is_refused_after_the_end_and_the_end_comes() {
    let plane = plane();
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(plane.plane.clone().run(shutdown.clone()));
    shutdown.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(10), running).await;
    ended.unwrap().unwrap();
    let create = tenancy::CreateTenantRequest {
        tenant: Some(tenant()),
        request_id: String::new(),
    };
    let create = plane.request(Caller::Admin, create);
    let created = plane.tenants().create_tenant(create).await.map(drop);
    let watch = plane.request(Caller::Gateway, tenancy::WatchTenantsRequest::default());
    let watched = plane.tenants().watch_tenants(watch).await.map(drop);
    for status in [created.unwrap_err(), watched.unwrap_err()] {
        assert_eq!(status.code(), Code::Unavailable);
        assert_eq!(reason(&status), "SHUTTING_DOWN");
    }
}

#[tokio::test]
async fn streams_beyond_the_bound_are_refused() {
    let plane = plane_with(Config {
        max_watches: 1,
        ..Config::default()
    });
    let watch = || plane.request(Caller::Gateway, tenancy::WatchTenantsRequest::default());
    let first = plane.tenants().watch_tenants(watch()).await.unwrap();
    let status = plane.tenants().watch_tenants(watch()).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(reason(&status), "WATCH_BUSY");
    drop(first);
}

#[tokio::test]
async fn seeds_obey_the_rules_of_requests() {
    let plane = plane().plane;
    let short = SecretString::from("short");
    let reasons = [
        plane.ensure_operator(&short).await.err(),
        plane.create_tenant_direct("admin", "", "x").await.err(),
        plane
            .seed_member(TenantId::new(), "a@b.example", &short, &[])
            .await
            .err(),
    ];
    for error in reasons {
        let error = error.unwrap();
        assert_eq!(
            resido_proto::error::Failure::reason(&error),
            "REQUEST_INVALID"
        );
    }
}
