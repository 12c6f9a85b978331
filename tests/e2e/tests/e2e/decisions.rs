//! Who may call what: the same decision over every protocol, and the one that
//! the method's own options state.

use std::time::Duration;

use http::{Method, Request};
use prost_reflect::{DescriptorPool, MethodDescriptor, Value as Dynamic};
use resido_e2e::{
    client::{
        Call, Client, Wire, calls,
        raw::{self, Version},
    },
    people::Owner,
    product::{self, Product},
    wait,
};
use resido_proto::{
    identity::{AccessClaims, Role, Subject},
    ids::{TenantId, UserId},
};
use resido_tenancy::keys::SigningKey;
use serde_json::{Value, json};

/// What the options of a method say.
#[derive(Debug, Clone)]
struct Policy {
    path: &'static str,
    access: i32,
    roles: Vec<String>,
    permission: String,
    allow_suspended: bool,
    streams: bool,
}

/// A method that is bound to HTTP.
#[derive(Debug, Clone)]
struct Bound {
    policy: Policy,
    verb: Method,
    uri: String,
    body: bool,
}

/// Somebody who calls, and what they are.
#[derive(Debug, Clone)]
struct Caller {
    name: &'static str,
    token: Option<String>,
    /// Whether the token is for a tenant; platform staff otherwise.
    in_tenant: bool,
    role: &'static str,
    /// What a role of the tenant's own grants, where the caller has no other.
    grants: Option<&'static [&'static str]>,
    /// The tenant named besides.
    selector: Option<String>,
    /// Why the tenant cannot be reached.
    barred: Option<&'static str>,
}

const ANONYMOUS: i32 = 1;
const AUTHENTICATED: i32 = 2;
const TENANT: i32 = 3;
const PLATFORM: i32 = 4;

fn policy(method: &MethodDescriptor, pool: &DescriptorPool) -> Policy {
    let extension = pool
        .get_extension_by_name("resido.options.v1.policy")
        .unwrap();
    let options = method.options();
    let stated = options.get_extension(&extension);
    let stated = stated.as_message().unwrap();
    let roles = stated.get_field_by_name("roles").unwrap();
    let roles = roles
        .as_list()
        .unwrap()
        .iter()
        .filter_map(Dynamic::as_str)
        .map(str::to_owned)
        .collect();
    let service = method.parent_service().full_name().to_owned();
    let permission = stated.get_field_by_name("permission").unwrap();
    let suspended = stated.get_field_by_name("allow_suspended").unwrap();
    Policy {
        permission: permission.as_str().unwrap().to_owned(),
        allow_suspended: suspended.as_bool().unwrap(),
        streams: method.is_client_streaming() || method.is_server_streaming(),
        path: Box::leak(format!("/{service}/{}", method.name()).into_boxed_str()),
        access: stated
            .get_field_by_name("access")
            .unwrap()
            .as_enum_number()
            .unwrap(),
        roles,
    }
}

/// Lists every method that is bound to HTTP, with an address of nothing.
async fn bound(product: &Product) -> Vec<Bound> {
    let request = Request::get("/routes").body(String::new()).unwrap();
    let routes = raw::send(product.admin, Version::One, request)
        .await
        .unwrap();
    let routes: Value = serde_json::from_slice(&routes.body).unwrap();
    let pool = DescriptorPool::decode(resido_proto::DESCRIPTOR_SET).unwrap();
    let services = pool
        .services()
        .filter(|service| service.package_name().starts_with("resido."));
    let mut found = Vec::new();
    for method in services.flat_map(|service| service.methods().collect::<Vec<_>>()) {
        let policy = policy(&method, &pool);
        let is_this = |route: &&Value| {
            route["method"] == method.full_name() && route["template"] != policy.path
        };
        let Some(route) = routes["routes"].as_array().unwrap().iter().find(is_this) else {
            continue;
        };
        let verb: Method = route["verb"].as_str().unwrap().parse().unwrap();
        let uri = address(route["template"].as_str().unwrap());
        let body = verb == Method::POST || verb == Method::PATCH;
        found.push(Bound {
            policy,
            verb,
            uri,
            body,
        });
    }
    found
}

/// Fills a template with an id that nothing has.
fn address(template: &str) -> String {
    const NOTHING: &str = "00000000-0000-7000-8000-000000000000";
    let mut uri = String::new();
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        let end = rest.find('}').unwrap();
        uri.push_str(&rest[..at]);
        let variable = &rest[at + 1..end];
        uri.push_str(variable.split_once('=').map_or("*", |(_, pattern)| pattern));
        rest = &rest[end + 1..];
    }
    (uri + rest).replace('*', NOTHING)
}

fn token(product: &Product, tenant: Option<TenantId>, role: &Role, grants: Grants) -> String {
    let pem = std::fs::read_to_string(product.data_dir.join("token-key.pem")).unwrap();
    let now = jsonwebtoken::get_current_timestamp();
    let claims = AccessClaims {
        iss: "resido".into(),
        aud: "resido".into(),
        sub: Subject::User(UserId::new()),
        exp: now + 600,
        iat: now,
        nbf: now,
        jti: "decisions".into(),
        tid: tenant,
        roles: vec![role.clone()],
        perm: grants.map(owned),
        grants: grants.map(owned).unwrap_or_default(),
        act: None,
        epoch: 1,
        act_epoch: None,
    };
    SigningKey::from_pem(&pem)
        .unwrap()
        .sign("JWT", &claims)
        .unwrap()
}

type Grants = Option<&'static [&'static str]>;

fn owned(permissions: &[&str]) -> Vec<String> {
    permissions.iter().map(ToString::to_string).collect()
}

async fn callers(product: &Product, owner: &Owner) -> Vec<Caller> {
    let id = |owner: &Owner| Some(TenantId::from_resource_name(&owner.tenant).unwrap());
    let (tenant, neighbour) = (id(owner), product.owner().await.unwrap());
    let caller = |name, tenant, role: Role, grants: Grants| Caller {
        name,
        token: Some(token(product, tenant, &role, grants)),
        in_tenant: tenant.is_some(),
        role: name,
        grants,
        selector: None,
        barred: None,
    };
    let suspended = suspended(product).await;
    vec![
        Caller {
            token: None,
            ..caller("nobody", None, Role::VIEWER, None)
        },
        caller("owner", tenant, Role::OWNER, None),
        caller("admin", tenant, Role::ADMIN, None),
        caller("member", tenant, Role::MEMBER, None),
        caller("viewer", tenant, Role::VIEWER, None),
        caller("platform_admin", None, Role::PLATFORM_ADMIN, None),
        caller("platform_support", None, Role::PLATFORM_SUPPORT, None),
        Caller {
            role: "platform_admin",
            ..caller(
                "tenant's own platform_admin",
                tenant,
                Role::PLATFORM_ADMIN,
                None,
            )
        },
        caller(
            "auditor",
            tenant,
            Role::named("auditor"),
            Some(&["properties.read", "users.write"]),
        ),
        Caller {
            role: "owner",
            selector: Some(owner.slug.clone()),
            barred: Some("TENANT_DENIED"),
            ..caller("owner of another tenant", id(&neighbour), Role::OWNER, None)
        },
        Caller {
            role: "owner",
            barred: Some("TENANT_SUSPENDED"),
            ..caller(
                "owner of a suspended tenant",
                id(&suspended),
                Role::OWNER,
                None,
            )
        },
    ]
}

/// Makes a tenant that every protocol sees suspended.
async fn suspended(product: &Product) -> Owner {
    let owner = product.owner().await.unwrap();
    let operator = product.operator_client(Wire::Rest).await.unwrap();
    let suspend = calls::suspend_tenant(&owner.tenant);
    operator.call(&suspend).await.unwrap().message().unwrap();
    let client = product.owner_client(&owner, Wire::Rest).unwrap();
    let refused = || async {
        let reply = client.call(&calls::list_properties(1, "")).await.unwrap();
        reply.refusal().is_ok()
    };
    assert!(wait::until(Duration::from_secs(10), refused).await);
    owner
}

/// What the options say, worked out here once more.
fn expected(method: &Policy, caller: &Caller) -> &'static str {
    let granted = |grants: &[&str]| grants.contains(&method.permission.as_str());
    let named = method.roles.iter().any(|role| role == caller.role);
    let has_role = method.roles.is_empty() || named || caller.grants.is_some_and(granted);
    let allowed = has_role && caller.grants.is_none_or(granted);
    // Where either counts, staff's roles are the platform's and others' are not.
    let is_staff_role = caller.role.starts_with("platform_");
    let in_place = method.roles.is_empty() || is_staff_role != caller.in_tenant;
    let open = method.allow_suspended && caller.barred == Some("TENANT_SUSPENDED");
    match (method.access, caller.barred) {
        (ANONYMOUS, _) => "admitted",
        _ if caller.token.is_none() => "CREDENTIAL_REQUIRED",
        (TENANT, _) if !caller.in_tenant => "TENANT_REQUIRED",
        (TENANT | AUTHENTICATED, Some(barred)) if !open => barred,
        (TENANT, _) if allowed => "admitted",
        (AUTHENTICATED, _) if allowed && in_place => "admitted",
        (PLATFORM, _) if !caller.in_tenant && allowed => "admitted",
        _ => "ROLE_REQUIRED",
    }
}

/// What came of a call, as far as the gateway decides it.
async fn decided(client: &Client, method: &Bound) -> String {
    let mut client = client.clone();
    if method.policy.streams {
        // It may go on for ever; who is admitted waits for the end of this.
        client = client.header("grpc-timeout", "300m").unwrap();
        client = client.header("x-request-timeout", "300ms").unwrap();
    }
    let call = Call {
        path: method.policy.path,
        message: json!({}),
        verb: method.verb.clone(),
        uri: method.uri.clone(),
        body: method.body.then(|| json!({})),
    };
    let reply = match client.call(&call).await {
        Ok(reply) => reply,
        // It had begun, so it was admitted; the deadline broke it off.
        Err(_) if method.policy.streams => return "admitted".to_owned(),
        Err(error) => panic!("{call:?}: {error:?}"),
    };
    let reason = reply
        .outcome
        .err()
        .map(|refusal| refusal.reason().to_owned())
        .unwrap_or_default();
    let is_refusal = reason.ends_with("_REQUIRED")
        || reason == "CREDENTIAL_INVALID"
        || reason.starts_with("TENANT_");
    if is_refusal {
        reason
    } else {
        "admitted".to_owned()
    }
}

#[tokio::test]
async fn i1_each_method_decides_the_same_over_every_protocol() {
    let product = product::shared().await.unwrap();
    let owner = product.owner().await.unwrap();
    let methods = bound(product).await;
    assert!(methods.len() > 80, "found only {methods:?}");
    for caller in callers(product, &owner).await {
        for wire in Wire::ALL {
            let mut client = product.client(wire);
            if let Some(token) = &caller.token {
                client = client.token(token).unwrap();
            }
            if let Some(selector) = &caller.selector {
                client = client.header("x-tenant", selector).unwrap();
            }
            for method in &methods {
                let decision = decided(&client, method).await;
                let place = format!("{} calls {} by {wire:?}", caller.name, method.policy.path);
                assert_eq!(decision, expected(&method.policy, &caller), "{place}");
            }
        }
    }
}

#[tokio::test]
async fn h4_a_tenant_that_never_was_looks_like_a_foreign_one() {
    let product = product::shared().await.unwrap();
    let (mine, other) = (
        product.owner().await.unwrap(),
        product.owner().await.unwrap(),
    );
    let list = &bound(product).await;
    let list = list
        .iter()
        .find(|method| method.policy.path.ends_with("/ListProperties"))
        .unwrap();
    let call = Call {
        path: list.policy.path,
        message: json!({}),
        verb: Method::GET,
        uri: list.uri.clone(),
        body: None,
    };
    for wire in Wire::ALL {
        let mut answers = Vec::new();
        for tenant in [
            other.slug.as_str(),
            "no-such-tenant",
            &TenantId::new().to_string(),
        ] {
            let client = product.client(wire).token(&mine.token).unwrap();
            let client = client.header("x-tenant", tenant).unwrap();
            answers.push(
                client
                    .call(&call)
                    .await
                    .unwrap()
                    .refusal()
                    .unwrap()
                    .constant(),
            );
        }
        let gone = token(product, Some(TenantId::new()), &Role::OWNER, None);
        let client = product.client(wire).token(&gone).unwrap();
        answers.push(
            client
                .call(&call)
                .await
                .unwrap()
                .refusal()
                .unwrap()
                .constant(),
        );
        assert!(
            answers.windows(2).all(|pair| pair[0] == pair[1]),
            "{wire:?}: {answers:?}"
        );
        assert_eq!(answers[0]["details"][0]["reason"], "TENANT_DENIED");
    }
}
