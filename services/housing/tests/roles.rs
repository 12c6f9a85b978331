//! The service decides by itself who may call, as the methods' options say: a
//! context that the gateway should not have let through opens nothing. No test
//! here has a database.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{sync::Arc, time::Duration};

use http::{Request, header};
use prost_reflect::{DescriptorPool, MethodDescriptor, Value};
use resido_housing::{NAME, routes};
use resido_observability::Metrics;
use resido_proto::{
    headers,
    identity::{CONTEXT_ISSUER, ContextClaims, Mode, Role, Subject, TenantClaims},
    ids::{TenantId, UserId},
};
use resido_tenancy::{
    context::{Signer, Verifier},
    db::{Config, TenantDatabase},
    keys::SigningKey,
    server::{ContextLayer, ContextService},
};
use tonic::{Status, body::Body, service::Routes};
use tonic_types::StatusExt as _;
use tower::{Layer as _, ServiceExt as _};

/// The service behind its layer, and the gateway's key.
struct Housing {
    service: ContextService<Routes>,
    signer: Signer,
}

fn housing() -> Housing {
    // Nothing listens on port 9 of a test machine's loopback.
    let mut config = Config::new("postgresql://x_app@127.0.0.1:9/x?sslmode=disable");
    config.acquire_timeout = Duration::from_millis(100);
    let db = TenantDatabase::new(config, Metrics::default()).unwrap();
    let key = SigningKey::from_pem(&SigningKey::generate_pem().unwrap()).unwrap();
    let signer = Signer::new(key);
    let verifier = Arc::new(Verifier::new(&signer.jwks(), NAME));
    let service = ContextLayer::new(verifier, Metrics::default()).layer(routes(db));
    Housing { service, signer }
}

impl Housing {
    /// Calls a method with an empty message and returns the reason of the answer,
    /// or `OK`.
    async fn call(&self, method: &Policy, role: &Role, permissions: Option<&str>) -> String {
        let now = jsonwebtoken::get_current_timestamp();
        let claims = ContextClaims {
            iss: CONTEXT_ISSUER.into(),
            aud: NAME.into(),
            iat: now,
            exp: now + 60,
            sub: Subject::User(UserId::new()),
            act: None,
            roles: vec![role.clone()],
            perm: permissions.map(|permission| vec![permission.to_owned()]),
            grants: Vec::new(),
            tenant: Some(TenantClaims {
                tid: TenantId::new(),
                epoch: 1,
                plan: "free".into(),
                place: "main".into(),
                sv: 1,
                mode: Mode::ReadWrite,
            }),
        };
        let request = Request::post(&method.path)
            .header(header::CONTENT_TYPE, "application/grpc")
            .header(headers::CONTEXT, self.signer.sign(&claims).unwrap())
            .body(Body::new(http_body_util::Full::from(vec![0; 5])))
            .unwrap();
        let answer = self.service.clone().oneshot(request).await.unwrap();
        // An import of nothing good comes to its end without a database.
        let Some(status) = Status::from_header_map(answer.headers()) else {
            return "OK".to_owned();
        };
        status.get_details_error_info().unwrap().reason
    }
}

/// What the options of a method say.
struct Policy {
    path: String,
    roles: Vec<String>,
    permission: String,
}

impl Policy {
    fn of(method: &MethodDescriptor) -> Self {
        let pool = method.parent_pool();
        let extension = pool.get_extension_by_name("resido.options.v1.policy");
        let options = method.options();
        let stated = options.get_extension(&extension.unwrap());
        let stated = stated.as_message().unwrap();
        let roles = stated.get_field_by_name("roles").unwrap();
        let permission = stated.get_field_by_name("permission").unwrap();
        let service = method.parent_service().full_name().to_owned();
        Self {
            path: format!("/{service}/{}", method.name()),
            roles: roles
                .as_list()
                .unwrap()
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            permission: permission.as_str().unwrap().to_owned(),
        }
    }
}

fn policies() -> Vec<Policy> {
    let pool = DescriptorPool::decode(resido_proto::DESCRIPTOR_SET).unwrap();
    let service = pool.get_service_by_name("resido.housing.v1.HousingService");
    service.unwrap().methods().map(|m| Policy::of(&m)).collect()
}

#[tokio::test]
async fn each_method_asks_for_the_roles_of_its_options() {
    let housing = housing();
    for method in policies() {
        for role in [
            Role::OWNER,
            Role::ADMIN,
            Role::MEMBER,
            Role::VIEWER,
            Role::named("janitor"),
        ] {
            let reason = housing.call(&method, &role, None).await;
            let may = method.roles.is_empty() || method.roles.iter().any(|r| r == role.as_str());
            let what = format!("{role} calls {}: {reason}", method.path);
            assert_eq!(reason != "ROLE_REQUIRED", may, "{what}");
        }
    }
}

#[tokio::test]
async fn each_method_asks_for_the_permission_of_its_options() {
    let housing = housing();
    for method in policies() {
        let call = async |permission: &str| {
            let permissions = Some(permission);
            housing.call(&method, &Role::OWNER, permissions).await
        };
        assert_ne!(call(&method.permission).await, "ROLE_REQUIRED");
        for other in ["", "properties", "users.write"] {
            assert_eq!(call(other).await, "ROLE_REQUIRED", "{}", method.path);
        }
    }
}
