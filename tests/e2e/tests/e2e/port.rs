//! What the one port does before any method is called: protocols, cross-origin
//! calls, documents, health.

use http::Request;
use resido::Settings;
use resido_e2e::{
    client::{
        Call, Wire,
        raw::{self, Raw, Version},
    },
    cluster,
    product::{self, Product},
};
use serde_json::{Value, json};

const LOGIN: &str = "/resido.identity.v1.AuthService/Login";
const ORIGIN: &str = "https://app.example";

async fn send(product: &Product, version: Version, request: http::request::Builder) -> Raw {
    send_body(product, version, request, Vec::new()).await
}

async fn send_body(
    product: &Product,
    version: Version,
    request: http::request::Builder,
    body: Vec<u8>,
) -> Raw {
    raw::send(product.gateway, version, request.body(body).unwrap())
        .await
        .unwrap()
}

fn header<'a>(raw: &'a Raw, name: &str) -> &'a str {
    raw.headers
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn a3_grpc_needs_http_2_post_and_one_content_type() {
    let product = product::shared().await.unwrap();
    let grpc = |method: &str| {
        Request::builder()
            .method(method)
            .uri(LOGIN)
            .header("content-type", "application/grpc")
    };
    let old = send(product, Version::One, grpc("POST")).await;
    assert_eq!(
        (old.status.as_u16(), header(&old, "grpc-status")),
        (505, "12")
    );
    let get = send(product, Version::Two, grpc("GET")).await;
    assert_eq!((get.status.as_u16(), header(&get, "allow")), (405, "POST"));
    let twice = grpc("POST").header("content-type", "application/grpc");
    let twice = send(product, Version::Two, twice).await;
    assert_eq!(header(&twice, "grpc-status"), "12");
    let web = Request::get(LOGIN).header("content-type", "application/grpc-web");
    let web = send(product, Version::One, web).await;
    assert_eq!((web.status.as_u16(), header(&web, "allow")), (405, "POST"));
}

#[tokio::test]
async fn a2_a_content_type_like_grpcs_is_rest() {
    let product = product::shared().await.unwrap();
    let request = Request::post(LOGIN).header("content-type", "application/grpcx");
    let reply = send(product, Version::Two, request).await;
    assert_eq!(
        (reply.status.as_u16(), header(&reply, "content-type")),
        (404, "application/json")
    );
}

#[tokio::test]
async fn f1_a_grpc_web_reply_without_messages_has_its_trailers() {
    let product = product::shared().await.unwrap();
    for (kind, text) in [
        ("application/grpc-web+proto", false),
        ("application/grpc-web-text; x=1", true),
    ] {
        let request = Request::post(LOGIN)
            .header("content-type", kind)
            .header("accept", kind);
        let reply = send(product, Version::One, request).await;
        assert_eq!(reply.status.as_u16(), 200);
        assert!(header(&reply, "content-type").starts_with(kind.split(['+', ';']).next().unwrap()));
        let body = if text {
            use base64::Engine as _;
            base64::engine::general_purpose::STANDARD
                .decode(&reply.body)
                .unwrap()
        } else {
            reply.body.to_vec()
        };
        assert_eq!(body[0], 0x80, "the frame is one of trailers");
        let trailers = String::from_utf8_lossy(&body[5..]);
        assert!(trailers.contains("grpc-status:"), "{trailers}");
    }
}

#[tokio::test]
async fn e3_a_malformed_grpc_web_call_is_told_so_in_its_body() {
    let product = product::shared().await.unwrap();
    let long = format!("{LOGIN}?{}", "a".repeat(9000));
    let kind = "application/grpc-web+proto";
    let request = Request::post(long).header("content-type", kind);
    let reply = send(product, Version::One, request).await;
    assert_eq!(
        (reply.status.as_u16(), header(&reply, "content-type")),
        (200, kind)
    );
    assert_eq!(reply.body[0], 0x80);
    assert!(String::from_utf8_lossy(&reply.body).contains("grpc-status:8"));
}

#[tokio::test]
async fn m4_a_silent_connection_is_closed() {
    let mut settings = Settings::default();
    settings.gateway.limits.header_seconds = 1;
    let product = Product::start(cluster::shared().await.unwrap(), settings)
        .await
        .unwrap();
    for said in [&b""[..], b"PRI * HT", b"GET / HTTP/1.1\r\nhost: "] {
        let mut stream = tokio::net::TcpStream::connect(product.gateway)
            .await
            .unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, said)
            .await
            .unwrap();
        let mut heard = Vec::new();
        let ended = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut heard);
        let ended = tokio::time::timeout(std::time::Duration::from_secs(20), ended).await;
        assert!(ended.is_ok(), "{said:?} still holds its place");
    }
    product.stop().await.unwrap();
}

#[tokio::test]
async fn f2_f3_preflights_are_answered_for_allowed_origins_alone() {
    let mut settings = Settings::default();
    settings.gateway.allowed_origins = vec![ORIGIN.to_owned()];
    let product = Product::start(cluster::shared().await.unwrap(), settings)
        .await
        .unwrap();
    let preflight = |origin: &str| {
        Request::options(LOGIN)
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header(
                "access-control-request-headers",
                "content-type,x-grpc-web,authorization",
            )
    };
    let allowed = send(&product, Version::One, preflight(ORIGIN)).await;
    assert_eq!(allowed.status.as_u16(), 200);
    assert_eq!(header(&allowed, "access-control-allow-origin"), ORIGIN);
    assert!(header(&allowed, "access-control-allow-headers").contains("x-grpc-web"));
    for origin in [
        "https://evil.example",
        "null",
        "https://app.example.evil.example",
    ] {
        let refused = send(&product, Version::One, preflight(origin)).await;
        assert_eq!(
            header(&refused, "access-control-allow-origin"),
            "",
            "{origin}"
        );
    }
    let call = Request::post(LOGIN)
        .header("origin", ORIGIN)
        .header("content-type", "application/grpc-web");
    let call = send(&product, Version::One, call).await;
    assert_eq!(header(&call, "access-control-allow-origin"), ORIGIN);
    assert!(header(&call, "access-control-expose-headers").contains("grpc-status-details-bin"));
    assert!(header(&call, "vary").contains("origin"));
    product.stop().await.unwrap();
}

#[tokio::test]
async fn b4_options_says_what_a_path_takes() {
    let product = product::shared().await.unwrap();
    let known = send(product, Version::One, Request::options("/v1/properties")).await;
    assert_eq!(
        (known.status.as_u16(), header(&known, "allow")),
        (204, "GET, HEAD, POST")
    );
    let unknown = send(product, Version::One, Request::options("/v1/nothing")).await;
    assert_eq!(unknown.status.as_u16(), 404);
}

#[tokio::test]
async fn b5_head_is_get_without_a_body() {
    let product = product::shared().await.unwrap();
    let path = "/.well-known/jwks.json";
    let get = send(product, Version::One, Request::get(path)).await;
    let head = send(product, Version::One, Request::head(path)).await;
    assert_eq!(head.status, get.status);
    assert_eq!(header(&head, "content-type"), "application/json");
    assert_eq!(header(&head, "content-length"), get.body.len().to_string());
    assert!(head.body.is_empty());
}

#[tokio::test]
async fn b6_b7_addresses_that_are_too_long_or_contradict_are_refused() {
    let product = product::shared().await.unwrap();
    let long = format!("/v1/properties?page_token={}", "a".repeat(9000));
    let long = send(product, Version::One, Request::get(long)).await;
    assert_eq!(long.status.as_u16(), 414);
    let other = Request::get("/v1/properties").header("host", "other.example");
    let other = send(product, Version::Two, other).await;
    assert_eq!(other.status.as_u16(), 400);
}

#[tokio::test]
async fn c9_a_body_beyond_the_limit_is_refused() {
    let product = product::shared().await.unwrap();
    let request = Request::post("/v1/auth:login").header("content-type", "application/json");
    let reply = send_body(product, Version::One, request, vec![b' '; (4 << 20) + 1]).await;
    assert_eq!(reply.status.as_u16(), 413);
}

#[tokio::test]
async fn o5_a_request_id_is_kept_if_it_is_well_formed() {
    let product = product::shared().await.unwrap();
    let send_id = |id: &'static str| {
        send(
            product,
            Version::One,
            Request::get("/v1/nothing").header("x-request-id", id),
        )
    };
    assert_eq!(
        header(&send_id("abc.DEF_1-2").await, "x-request-id"),
        "abc.DEF_1-2"
    );
    for id in ["", "a b", "a\tb", "\"x\""] {
        let made = send_id(id).await;
        assert_ne!(header(&made, "x-request-id"), id);
        assert_eq!(header(&made, "x-request-id").len(), 36);
    }
}

#[tokio::test]
async fn p2_the_documents_describe_what_is_routed() {
    let product = product::shared().await.unwrap();
    let openapi = send(product, Version::One, Request::get("/openapi.json")).await;
    let openapi: Value = serde_json::from_slice(&openapi.body).unwrap();
    assert_eq!(openapi["openapi"], "3.1.0");
    let login = &openapi["paths"]["/v1/auth:login"]["post"];
    assert_eq!(login["operationId"], "AuthService_Login");
    assert_eq!(login["x-resido-access"], "anonymous");
    assert_eq!(login.get("x-resido-permission"), None);
    let create = &openapi["paths"]["/v1/properties"]["post"];
    assert_eq!(
        create["x-resido-roles"],
        json!(["owner", "admin", "member"])
    );
    assert_eq!(create["x-resido-permission"], "properties.write");
    let told = create["description"].as_str().unwrap();
    assert!(told.ends_with("Permission: `properties.write`."), "{told}");
    let text = openapi.to_string();
    assert!(
        !text.contains("WatchTenants"),
        "what is internal is not described"
    );
    let page = send(product, Version::One, Request::get("/docs")).await;
    assert!(header(&page, "content-type").starts_with("text/html"));
    let policy = header(&page, "content-security-policy");
    assert!(
        policy.contains("default-src 'none'") && policy.contains("script-src 'sha256-"),
        "{policy}"
    );
    let root = send(product, Version::One, Request::get("/")).await;
    assert_eq!(
        (root.status.as_u16(), header(&root, "location")),
        (307, "/docs")
    );
    let posted = send(product, Version::One, Request::post("/docs")).await;
    assert_eq!(
        (posted.status.as_u16(), header(&posted, "allow")),
        (405, "GET, HEAD")
    );
}

#[tokio::test]
async fn p2_nothing_is_described_where_that_is_switched_off() {
    let mut settings = Settings::default();
    settings.gateway.describe = false;
    let product = Product::start(cluster::shared().await.unwrap(), settings)
        .await
        .unwrap();
    for path in ["/", "/docs", "/openapi.json"] {
        let reply = send(&product, Version::One, Request::get(path)).await;
        assert_eq!(reply.status.as_u16(), 404, "{path}");
    }
    product.stop().await.unwrap();
}

#[tokio::test]
async fn streams_of_nobody_known_crowd_nobody_out() {
    let mut settings = Settings::default();
    settings.gateway.limits.anonymous_streams = 2;
    let product = Product::start(cluster::shared().await.unwrap(), settings)
        .await
        .unwrap();
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{}", product.gateway));
    let channel = endpoint.unwrap().connect().await.unwrap();
    let client = tonic_health::pb::health_client::HealthClient::new(channel);
    let watch = || async {
        let check = tonic_health::pb::HealthCheckRequest::default();
        client.clone().watch(check).await
    };
    let held = [watch().await.unwrap(), watch().await.unwrap()];
    assert_eq!(watch().await.unwrap_err().code(), tonic::Code::Unavailable);
    product.owner().await.unwrap();
    drop(held);
    product.stop().await.unwrap();
}

#[tokio::test]
async fn p4_health_is_open() {
    let product = product::shared().await.unwrap();
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{}", product.gateway));
    let channel = endpoint.unwrap().connect().await.unwrap();
    let mut client = tonic_health::pb::health_client::HealthClient::new(channel);
    let check = tonic_health::pb::HealthCheckRequest::default();
    let answer: tonic::Response<_> = client.check(check).await.unwrap();
    assert_eq!(answer.into_inner().status, 1);
}

#[tokio::test]
async fn p1_the_admin_port_shows_and_changes_nothing() {
    let product = product::shared().await.unwrap();
    let get = |path: &'static str| async move {
        let request = Request::get(path).body(String::new()).unwrap();
        raw::send(product.admin, Version::One, request)
            .await
            .unwrap()
    };
    let ready: Value = serde_json::from_slice(&get("/readyz").await.body).unwrap();
    assert_eq!(
        (&ready["ready"], &ready["control_plane"]),
        (&json!(true), &json!("connected"))
    );
    assert_eq!(get("/healthz").await.status.as_u16(), 200);
    assert_eq!(get("/nothing").await.status.as_u16(), 404);
    let keys: Value = serde_json::from_slice(&get("/context-jwks.json").await.body).unwrap();
    assert!(keys["keys"][0].get("d").is_none() && keys["keys"][0]["kty"] == "OKP");
    let post = Request::post("/metrics").body(String::new()).unwrap();
    let post = raw::send(product.admin, Version::One, post).await.unwrap();
    assert_eq!(post.status.as_u16(), 405);
    let routes: Value = serde_json::from_slice(&get("/routes").await.body).unwrap();
    assert!(
        routes
            .to_string()
            .contains("/v1/{parent=properties/*}/units")
    );
}

#[tokio::test]
async fn g10_a_stale_token_does_not_keep_anybody_from_logging_in() {
    let product = product::shared().await.unwrap();
    let operator = &product.operator;
    let body = json!({ "email": operator.email, "password": operator.password });
    let call = Call {
        path: LOGIN,
        message: body.clone(),
        verb: http::Method::POST,
        uri: "/v1/auth:login".to_owned(),
        body: Some(body),
    };
    for wire in Wire::ALL {
        let client = product.client(wire).token("stale").unwrap();
        assert!(
            client.call(&call).await.unwrap().outcome.is_ok(),
            "{wire:?}"
        );
    }
}
