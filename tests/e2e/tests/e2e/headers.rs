//! Identity reaches a service in the signed context alone, and a service takes
//! it from nowhere else.

use http::{HeaderMap, HeaderName, HeaderValue, Request};
use resido::Settings;
use resido_e2e::{
    client::{
        Client, Stream, Wire, calls,
        raw::{self, Version},
    },
    cluster,
    mirror::Mirror,
    product::{self, Product},
};
use resido_proto::{
    headers,
    identity::{CONTEXT_ISSUER, ContextClaims, Role, Subject},
    ids::UserId,
};
use resido_tenancy::{context::Signer, keys::SigningKey};

/// Every spelling in which identity was ever forged.
const FORGED: [&str; 16] = [
    "x-resido-context",
    "x_resido_context",
    "x-resido-context-bin",
    "grpc-metadata-x-resido-context",
    "grpc-metadata-x_resido_context",
    "x-resido-user",
    "x-resido-tenant-id",
    "x-tenant-id",
    "x_tenant_id",
    "x-tenant-id-bin",
    "grpc-metadata-authorization",
    "x-user-id",
    "x-auth-roles",
    "x-forwarded-user",
    "proxy-authorization",
    "cookie",
];

async fn product(mirror: &Mirror) -> Product {
    let mut settings = Settings::default();
    settings.gateway.upstreams.push(mirror.upstream().unwrap());
    let cluster = cluster::shared().await.unwrap();
    Product::start(cluster, settings).await.unwrap()
}

fn carries_forgery(headers: &HeaderMap) -> bool {
    headers
        .values()
        .any(|value| value.as_bytes().starts_with(b"Zm9yZ2Vk"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g8_forged_identity_never_reaches_a_service() {
    let mirror = Mirror::start().await.unwrap();
    let product = product(&mirror).await;
    let owner = product.owner().await.unwrap();
    let forge = |mut request: http::request::Builder| {
        for name in FORGED {
            request = request.header(name, "Zm9yZ2Vk");
        }
        request.header("authorization", format!("Bearer {}", owner.token))
    };
    let framed = [0, 0, 0, 0, 3, 10, 1, b'a'];
    for (version, path) in [
        (Version::One, "/v1/echo/a"),
        (Version::Two, "/v1/tenant-echo/a"),
    ] {
        let request = forge(Request::get(path)).body("").unwrap();
        let raw = raw::send(product.gateway, version, request).await.unwrap();
        assert_eq!(raw.status, 200, "{raw:?}");
    }
    let method = "/resido.e2e.v1.EchoService/TenantEcho";
    for kind in ["application/grpc", "application/grpc-web+proto"] {
        let request = forge(Request::post(method)).header("content-type", kind);
        let request = request
            .header("te", "trailers")
            .body(framed.to_vec())
            .unwrap();
        let raw = raw::send(product.gateway, Version::Two, request)
            .await
            .unwrap();
        assert_eq!(raw.status, 200, "{raw:?}");
    }
    let seen = mirror.take();
    assert_eq!(seen.len(), 4);
    for seen in &seen {
        assert!(!carries_forgery(&seen.headers), "{seen:?}");
        assert!(
            !seen.headers.contains_key(headers::AUTHORIZATION),
            "{seen:?}"
        );
        assert_eq!(
            seen.headers.get_all(headers::CONTEXT).iter().count(),
            1,
            "{seen:?}"
        );
        assert!(seen.headers.contains_key("x-request-id"), "{seen:?}");
    }
    connection_and_trailers(&mirror, &product).await;
    product.stop().await.unwrap();
}

/// Headers that `connection` names go no further, nor do forged trailers.
async fn connection_and_trailers(mirror: &Mirror, product: &Product) {
    let request = Request::get("/v1/echo/a")
        .header("connection", "x-mirror-header-a, x-resido-context")
        .header("x-mirror-header-a", "Zm9yZ2Vk")
        .header("x-resido-context", "Zm9yZ2Vk")
        .body("")
        .unwrap();
    let raw = raw::send(product.gateway, Version::One, request)
        .await
        .unwrap();
    assert_eq!(raw.status, 200, "{raw:?}");
    let request = Request::post("/resido.e2e.v1.EchoService/Up")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .unwrap();
    let first = [0, 0, 0, 0, 0];
    let mut stream = Stream::open(product.gateway, request, &first)
        .await
        .unwrap();
    let mut trailers = HeaderMap::new();
    for name in FORGED {
        let name: HeaderName = name.parse().unwrap();
        trailers.insert(name, HeaderValue::from_static("Zm9yZ2Vk"));
    }
    stream.send_trailers(trailers).await.unwrap();
    let end = stream.finish().await.unwrap();
    assert_eq!(end.trailers["grpc-status"], "0");
    for seen in mirror.take() {
        assert!(!carries_forgery(&seen.headers), "{seen:?}");
        assert!(!carries_forgery(&seen.trailers), "{seen:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_a_method_without_a_policy_is_closed() {
    let mirror = Mirror::start().await.unwrap();
    let product = product(&mirror).await;
    let owner = product.owner().await.unwrap();
    let operator = &product.operator;
    let login = resido_e2e::people::login;
    let nobody = product.client(Wire::Rest);
    let platform = login(&nobody, &operator.email, &operator.password)
        .await
        .unwrap();
    for (token, path, expected) in [
        (None, "/v1/closed/a", "METHOD_CLOSED"),
        (Some(&owner.token), "/v1/closed/a", "METHOD_CLOSED"),
        (Some(&platform), "/v1/closed/a", "METHOD_CLOSED"),
        (None, "/v1/tenant-echo/a", "CREDENTIAL_REQUIRED"),
    ] {
        let mut request = Request::get(path);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let raw = raw::send(product.gateway, Version::One, request.body("").unwrap());
        let body: serde_json::Value = serde_json::from_slice(&raw.await.unwrap().body).unwrap();
        assert_eq!(body["details"][0]["reason"], expected, "{path} {body}");
    }
    assert!(
        mirror.take().is_empty(),
        "a refused call reached the service"
    );
    product.stop().await.unwrap();
}

fn claims(audience: &str, age: i64) -> ContextClaims {
    let iat = jsonwebtoken::get_current_timestamp().saturating_add_signed(-age);
    ContextClaims {
        iss: CONTEXT_ISSUER.to_owned(),
        aud: audience.to_owned(),
        iat,
        exp: iat + 60,
        sub: Subject::User(UserId::new()),
        act: None,
        roles: vec![Role::PLATFORM_ADMIN],
        perm: None,
        grants: Vec::new(),
        tenant: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_refuses_whoever_does_not_come_through_the_gateway() {
    let product = product::shared().await.unwrap();
    let owner = product.owner().await.unwrap();
    let theirs = Signer::new(SigningKey::from_pem(&SigningKey::generate_pem().unwrap()).unwrap());
    let pem = std::fs::read_to_string(product.data_dir.join("context-key.pem")).unwrap();
    let ours = Signer::new(SigningKey::from_pem(&pem).unwrap());
    let sign = |signer: &Signer, audience, age| signer.sign(&claims(audience, age)).unwrap();
    let (control, housing) = product.services;
    for (address, call, name) in [
        (control, calls::list_tenants(), "control-plane"),
        (housing, calls::list_properties(5, ""), "housing"),
    ] {
        let client = || Client::new(address, Wire::Grpc);
        for (value, expected) in [
            (None, "CONTEXT_REQUIRED"),
            (Some(owner.token.clone()), "CONTEXT_INVALID"),
            (Some("x".to_owned()), "CONTEXT_INVALID"),
            (Some(sign(&ours, name, 120)), "CONTEXT_INVALID"),
            (Some(sign(&ours, "other", 0)), "CONTEXT_INVALID"),
            (Some(sign(&theirs, name, 0)), "CONTEXT_INVALID"),
        ] {
            let client = match &value {
                Some(value) => client().header(headers::CONTEXT, value).unwrap(),
                None => client().token(&owner.token).unwrap(),
            };
            let refusal = client.call(&call).await.unwrap().refusal().unwrap();
            assert_eq!(
                (refusal.code(), refusal.reason()),
                (16, expected),
                "{name} {value:?}"
            );
        }
        let twice = sign(&ours, name, 0);
        let client = client().header(headers::CONTEXT, &twice).unwrap();
        let once = client.call(&call).await.unwrap();
        let reason = once
            .outcome
            .as_ref()
            .err()
            .map(|refusal| refusal.reason().to_owned());
        // The control plane serves its staff; housing misses the tenant.
        let expected = (name == "housing").then(|| "TENANT_DENIED".to_owned());
        assert_eq!(reason, expected, "{once:?}");
        let client = client.header(headers::CONTEXT, &twice).unwrap();
        let refusal = client.call(&call).await.unwrap().refusal().unwrap();
        assert_eq!(refusal.reason(), "CONTEXT_INVALID");
    }
}
