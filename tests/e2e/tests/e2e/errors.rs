//! Bad input gets a standard answer that says what is wrong, over REST and gRPC.

use std::collections::BTreeSet;

use http::{Request, StatusCode};
use resido_e2e::{
    client::{
        Call, Refusal, Wire, calls,
        raw::{self, Raw, Version},
    },
    people::Owner,
    product::{self, Product},
};
use serde_json::{Value, json};

/// What a REST caller sends: method, path, headers, body.
type Sent<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a str);
/// What they get: status, reason, and the fields that are named.
type Got<'a> = (u16, &'a str, &'a [&'a str]);

async fn send(product: &Product, (method, path, headers, body): Sent<'_>) -> Raw {
    let mut request = Request::builder().method(method).uri(path);
    if !body.is_empty() {
        request = request.header("content-type", "application/json");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(body.to_owned()).unwrap();
    raw::send(product.gateway, Version::One, request)
        .await
        .unwrap()
}

/// Checks the shape that every error has, and what this one says.
async fn check(product: &Product, sent: Sent<'_>, expected: Got<'_>) -> Raw {
    let raw = send(product, sent).await;
    let what = format!("{sent:?} → {} {:?}", raw.status, raw.body);
    let kind = raw
        .headers
        .get("content-type")
        .map(|kind| kind.to_str().unwrap());
    assert_eq!(kind, Some("application/json"), "{what}");
    let status: Value = serde_json::from_slice(&raw.body).unwrap();
    let keys: BTreeSet<_> = status
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(keys, ["code", "details", "message"].into(), "{what}");
    let refusal = Refusal(status);
    let (http, reason, fields) = expected;
    assert_eq!(
        (raw.status.as_u16(), refusal.reason()),
        (http, reason),
        "{what}"
    );
    let named: Vec<_> = refusal.fields();
    assert_eq!(named, fields, "{what}");
    let id = &refusal.detail("RequestInfo").unwrap()["requestId"];
    assert_eq!(*id, raw.headers["x-request-id"].to_str().unwrap(), "{what}");
    for secret in ["select ", "properties_", "/work", ".rs", "postgres", "t_"] {
        assert!(!refusal.0.to_string().contains(secret), "{what}");
    }
    let has = |name| raw.headers.contains_key(name);
    assert_eq!(
        has("www-authenticate"),
        raw.status == StatusCode::UNAUTHORIZED,
        "{what}"
    );
    assert_eq!(
        has("allow"),
        raw.status == StatusCode::METHOD_NOT_ALLOWED,
        "{what}"
    );
    raw
}

fn bearer(owner: &Owner) -> String {
    format!("Bearer {}", owner.token)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e5_g10_without_a_good_credential_the_answer_is_401() {
    let product = product::shared().await.unwrap();
    let owner = product.owner().await.unwrap();
    let good = owner.token.clone();
    let (head, rest) = good.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    let none = "eyJhbGciOiJub25lIn0";
    let required: &[&[(&str, &str)]] = &[&[], &[("x-tenant", &owner.slug)]];
    for headers in required {
        let sent = ("GET", "/v1/properties", *headers, "");
        let raw = check(product, sent, (401, "CREDENTIAL_REQUIRED", &[])).await;
        let challenge = raw.headers["www-authenticate"].to_str().unwrap().to_owned();
        assert!(challenge.starts_with("Bearer"), "{challenge}");
    }
    for value in [
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        "Bearer x".to_owned(),
        "Bearer a.b.c".to_owned(),
        "Basic YTpi".to_owned(),
        format!("Bearer {good} {good}"),
        format!("Bearer {head}.{claims}."),
        format!(
            "Bearer {head}.{claims}.{}",
            signature.replace(&signature[..4], "AAAA")
        ),
        format!("Bearer {none}.{claims}."),
        format!("Bearer {none}.{claims}.{signature}"),
        format!("Bearer {}", "a".repeat(9000)),
    ] {
        let headers = [("authorization", value.as_str())];
        let sent = ("GET", "/v1/properties", headers.as_slice(), "");
        check(product, sent, (401, "CREDENTIAL_INVALID", &[])).await;
    }
    let wrong = r#"{"email": "nobody@example.com", "password": "something long"}"#;
    let sent = ("POST", "/v1/auth:login", [].as_slice(), wrong);
    check(product, sent, (401, "CREDENTIALS_INVALID", &[])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h2_h4_a_token_is_good_for_its_own_tenant_alone() {
    let product = product::shared().await.unwrap();
    let (ours, theirs) = (
        product.owner().await.unwrap(),
        product.owner().await.unwrap(),
    );
    let token = bearer(&ours);
    let id = |owner: &Owner| owner.tenant.trim_start_matches("tenants/").to_owned();
    let mut bodies = BTreeSet::new();
    for foreign in [
        theirs.slug.clone(),
        id(&theirs),
        "unknown-tenant".to_owned(),
        uuid::Uuid::now_v7().to_string(),
    ] {
        let headers = [("authorization", token.as_str()), ("x-tenant", &foreign)];
        let sent = ("GET", "/v1/properties", headers.as_slice(), "");
        let raw = check(product, sent, (403, "TENANT_DENIED", &[])).await;
        let status = Refusal(serde_json::from_slice(&raw.body).unwrap());
        bodies.insert(status.constant().to_string());
    }
    // Nobody learns whether a tenant exists.
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    for own in [ours.slug.clone(), id(&ours)] {
        let headers = [("authorization", token.as_str()), ("x-tenant", &own)];
        let raw = send(product, ("GET", "/v1/properties", &headers, "")).await;
        assert_eq!(raw.status, 200, "{own}");
    }
    for wrong in [
        "Ä",
        "a",
        "-ab",
        "a,b",
        "../acme",
        "acme%2f",
        "ACME corp",
        "x".repeat(41).as_str(),
    ] {
        let headers = [("authorization", token.as_str()), ("x-tenant", wrong)];
        let sent = ("GET", "/v1/properties", headers.as_slice(), "");
        check(product, sent, (400, "TENANT_SELECTOR_INVALID", &[])).await;
    }
    let twice = [
        ("authorization", token.as_str()),
        ("x-tenant", &ours.slug),
        ("x-tenant", &ours.slug),
    ];
    let sent = ("GET", "/v1/properties", twice.as_slice(), "");
    check(product, sent, (400, "TENANT_SELECTOR_INVALID", &[])).await;
    // What one tenant made is not there for another.
    let client = product.owner_client(&theirs, Wire::Rest).unwrap();
    let made = calls::create_property(json!({"displayName": "theirs"}));
    let name = client.call(&made).await.unwrap().message().unwrap()["name"].clone();
    let path = format!("/v1/{}", name.as_str().unwrap());
    let headers = [("authorization", token.as_str())];
    for method in ["GET", "DELETE"] {
        let sent = (method, path.as_str(), headers.as_slice(), "");
        check(product, sent, (404, "RESOURCE_NOT_FOUND", &[])).await;
    }
}

/// Makes a tenant with a property; returns its token and the property's path.
async fn housed(product: &Product) -> (String, String) {
    let owner = product.owner().await.unwrap();
    let client = product.owner_client(&owner, Wire::Rest).unwrap();
    let made = calls::create_property(json!({"displayName": "Tower"}));
    let made = client.call(&made).await.unwrap().message().unwrap();
    let path = format!("/v1/{}", made["name"].as_str().unwrap());
    (bearer(&owner), path)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c8_malformed_bodies_name_the_field() {
    let product = product::shared().await.unwrap();
    let (token, path) = housed(product).await;
    let headers = [("authorization", token.as_str())];
    let units = format!("{path}/units");
    let two = ["unit.display_name", "unit.floor"];
    for (path, body, fields) in [
        (
            "/v1/properties",
            r#"{"displayNam": "x"}"#,
            &["property.displayNam"][..],
        ),
        (
            "/v1/properties",
            r#"{"displayName": 7}"#,
            &["property.display_name"],
        ),
        (
            "/v1/properties",
            r#"{"address": []}"#,
            &["property.address"],
        ),
        (
            "/v1/properties",
            r#"{"address": {"town": "x"}}"#,
            &["property.address.town"],
        ),
        ("/v1/properties", "{}", &["property.display_name"]),
        (
            &units,
            r#"{"displayName": "a", "floor": "high"}"#,
            &["unit.floor"],
        ),
        (&units, r#"{"displayName": "", "floor": 999}"#, &two),
    ] {
        let sent = ("POST", path, headers.as_slice(), body);
        check(product, sent, (400, "REQUEST_INVALID", fields)).await;
    }
    for body in [
        "{",
        "[]",
        "null",
        "{\"displayName\": \"a\"} x",
        "{'displayName': 'a'}",
        "{\"displayName\": \"a\", \"displayName\": \"b\"}",
        "{\"displayName\": \"a\", \"display_name\": \"b\"}",
        "\u{feff}{\"displayName\": \"a\"}",
    ] {
        let raw = send(product, ("POST", "/v1/properties", &headers, body)).await;
        assert_eq!(raw.status, 400, "{body}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c1_c2_conflicting_and_unknown_parameters_name_the_field() {
    let product = product::shared().await.unwrap();
    let (token, path) = housed(product).await;
    let headers = [("authorization", token.as_str())];
    let other = format!("{path}/units?parent=properties/{}", uuid::Uuid::nil());
    let conflict = r#"{"name": "properties/x", "displayName": "x"}"#;
    for (method, path, body, fields) in [
        ("GET", "/v1/properties?pageSise=1", "", &["pageSise"]),
        ("GET", "/v1/properties?pageSize=one", "", &["page_size"]),
        ("GET", "/v1/properties?pageSize=-1", "", &["page_size"]),
        ("GET", "/v1/properties?pageToken=zzz", "", &["page_token"]),
        ("GET", &other, "", &["parent"]),
        ("PATCH", &path, conflict, &["property.name"]),
        ("GET", "/v1/properties/not-an-id", "", &["name"]),
    ] {
        let sent = (method, path, headers.as_slice(), body);
        check(product, sent, (400, "REQUEST_INVALID", fields)).await;
    }
    let same = format!("{path}?name={}", path.trim_start_matches("/v1/"));
    let raw = send(product, ("GET", &same, &headers, "")).await;
    assert_eq!(raw.status, 200, "{raw:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e1_unknown_routes_methods_and_types_have_the_same_shape() {
    let product = product::shared().await.unwrap();
    let owner = product.owner().await.unwrap();
    let token = bearer(&owner);
    let signed = [("authorization", token.as_str())];
    for path in [
        "/v1",
        "/v1/nothing",
        "/v1/properties/",
        "/v1//properties",
        "/v2/properties",
    ] {
        check(
            product,
            ("GET", path, &signed, ""),
            (404, "ROUTE_NOT_FOUND", &[]),
        )
        .await;
        check(
            product,
            ("GET", path, &[], ""),
            (404, "ROUTE_NOT_FOUND", &[]),
        )
        .await;
    }
    let sent = ("DELETE", "/v1/properties", signed.as_slice(), "");
    let raw = check(product, sent, (405, "METHOD_NOT_ALLOWED", &[])).await;
    let allowed = raw.headers["allow"].to_str().unwrap();
    let allowed: BTreeSet<_> = allowed.split(',').map(str::trim).collect();
    assert!(allowed.is_superset(&["GET", "POST"].into()), "{allowed:?}");
    for path in [
        "/v1/../etc",
        "/v1/%2e%2e/x",
        "/v1/properties/%00",
        "/v1/properties/%zz",
    ] {
        check(
            product,
            ("GET", path, &signed, ""),
            (400, "PATH_INVALID", &[]),
        )
        .await;
    }
    let long = format!("/v1/properties?pageToken={}", "a".repeat(9000));
    check(
        product,
        ("GET", &long, &signed, ""),
        (414, "URI_TOO_LONG", &[]),
    )
    .await;
    let text = [signed[0], ("content-type", "text/plain")];
    let request = Request::post("/v1/properties");
    let request = text.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    let request = request.body("hello").unwrap();
    let raw = raw::send(product.gateway, Version::One, request)
        .await
        .unwrap();
    assert_eq!(raw.status, 415, "{:?}", raw.body);
    let large = format!("{{\"displayName\": \"{}\"}}", "a".repeat(5 << 20));
    check(
        product,
        ("POST", "/v1/properties", &signed, &large),
        (413, "BODY_TOO_LARGE", &[]),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e1_header_bytes_that_are_no_text_get_a_json_error() {
    let product = product::shared().await.unwrap();
    let owner = product.owner().await.unwrap();
    let bearer = format!("Bearer {}", owner.token).into_bytes();
    let odd = b"a\xffb".as_slice();
    for (name, value, reason) in [
        ("authorization", odd, "CREDENTIAL_INVALID"),
        ("x-api-key", odd, "CREDENTIAL_INVALID"),
        ("host", odd, "REQUEST_INVALID"),
        ("x-tenant", odd, "TENANT_SELECTOR_INVALID"),
        ("x-request-timeout", odd, "DEADLINE_INVALID"),
        ("content-type", odd, "MEDIA_TYPE_UNSUPPORTED"),
    ] {
        let mut request = Request::post("/v1/properties").header("content-type", "text/plain");
        if name != "authorization" && name != "x-api-key" {
            request = request.header("authorization", bearer.as_slice());
        }
        let mut request = request.body("{}").unwrap();
        let value = http::HeaderValue::from_bytes(value).unwrap();
        request.headers_mut().insert(name, value);
        let raw = raw::send(product.gateway, Version::One, request).await;
        let raw = raw.unwrap();
        let error: Value = serde_json::from_slice(&raw.body).unwrap();
        assert_eq!(error["details"][0]["reason"], reason, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slugs_are_unique_and_activation_tokens_work_once() {
    let product = product::shared().await.unwrap();
    let owner = product.owner().await.unwrap();
    for wire in Wire::ALL {
        let operator = product.operator_client(wire).await.unwrap();
        let again = calls::create_tenant(&owner.slug, "other@example.com");
        let reply = operator.call(&again).await.unwrap();
        assert!(wire != Wire::Rest || reply.http == 409);
        assert_eq!(
            reply.refusal().unwrap().reason(),
            "TENANT_EXISTS",
            "{wire:?}"
        );
        let nobody = product.client(wire);
        let mut answers = BTreeSet::new();
        for (token, email) in [
            (owner.activation.as_str(), owner.email.as_str()),
            (&owner.activation, "other@example.com"),
            ("unknown", &owner.email),
        ] {
            let register = calls::register(token, email, "another long password");
            let reply = nobody.call(&register).await.unwrap();
            assert!(wire != Wire::Rest || reply.http == 400);
            let refusal = reply.refusal().unwrap();
            assert_eq!(
                refusal.reason(),
                "ACTIVATION_TOKEN_INVALID",
                "{wire:?} {token}"
            );
            answers.insert(refusal.constant().to_string());
        }
        assert_eq!(
            answers.len(),
            1,
            "the answers tell tokens apart: {answers:?}"
        );
        let bad = calls::create_tenant("Not A Slug", "no address");
        let refusal = operator.call(&bad).await.unwrap().refusal().unwrap();
        assert_eq!(
            refusal.fields(),
            ["tenant.contact_email", "tenant.slug"],
            "{wire:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a8_unknown_and_internal_methods_are_not_to_be_had() {
    let product = product::shared().await.unwrap();
    let operator = product.operator_client(Wire::Grpc).await.unwrap();
    let watch = Call {
        path: "/resido.tenancy.v1.TenantService/WatchTenants",
        message: json!({}),
        ..calls::list_tenants()
    };
    let refusal = operator.call(&watch).await.unwrap().refusal().unwrap();
    assert!([7, 12].contains(&refusal.code()), "{refusal:?}");
    for path in [
        "/resido.tenancy.v1.TenantService/Nothing",
        "/no.such.Service/Method",
    ] {
        let request = Request::post(path).header("content-type", "application/grpc");
        let request = request
            .header("te", "trailers")
            .body(vec![0, 0, 0, 0, 0])
            .unwrap();
        let raw = raw::send(product.gateway, Version::Two, request)
            .await
            .unwrap();
        assert_eq!(
            (raw.status.as_u16(), &raw.headers["grpc-status"]),
            (200, &"12".parse().unwrap())
        );
    }
}
