//! A stream under way ends within a second when its caller could not make the
//! call any more, over every protocol, with the reason of a new call.

use std::time::{Duration, Instant};

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;
use http::{HeaderMap, Request};
use resido::Settings;
use resido_e2e::{
    client::{Stream, Wire, calls},
    cluster, database,
    mirror::Mirror,
    people,
    product::Product,
    wait,
};
use resido_proto::{identity::AccessClaims, ids::TenantId};
use resido_tenancy::{keys::SigningKey, tenant::SchemaName};
use serde_json::json;

/// The ways in which a stream can be open both ways.
const KINDS: [&str; 3] = [
    "application/grpc",
    "application/grpc-web+proto",
    "application/x-ndjson",
];

async fn open(product: &Product, kind: &str, token: &str) -> Stream {
    open_by(product, kind, ("authorization", &format!("Bearer {token}"))).await
}

async fn open_by(product: &Product, kind: &str, (name, value): (&str, &str)) -> Stream {
    let (path, first): (_, &[u8]) = if kind.ends_with("ndjson") {
        ("/v1/tenant-both", b"{\"text\":\"a\"}\n")
    } else {
        (
            "/resido.e2e.v1.EchoService/TenantBoth",
            &[0, 0, 0, 0, 3, 10, 1, b'a'],
        )
    };
    let request = Request::post(path)
        .header("content-type", kind)
        .header(name, value)
        .body(())
        .unwrap();
    let mut stream = Stream::open(product.gateway, request, first).await.unwrap();
    let echoed = stream.receive().await.unwrap();
    assert!(echoed.contains(&b'a'), "{kind}: {echoed:?}");
    stream
}

/// What a stream ended with: its code and its details as they stand.
async fn end(kind: &str, mut stream: Stream) -> (String, Vec<u8>) {
    let mut bytes = Vec::new();
    if kind == "application/x-ndjson" {
        while let Ok(more) = stream.receive().await {
            bytes.extend_from_slice(&more);
        }
        let line: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        return (line["error"]["code"].to_string(), bytes);
    }
    let end = stream.wait().await.unwrap();
    let trailers = if kind == "application/grpc" {
        end.trailers
    } else {
        let text = String::from_utf8_lossy(&end.bytes[5..]).into_owned();
        let lines = text.lines().filter_map(|line| line.split_once(':'));
        lines
            .map(|(name, value)| {
                let name: http::HeaderName = name.parse().unwrap();
                (name, value.trim().parse().unwrap())
            })
            .collect::<HeaderMap>()
    };
    let lenient =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let base64 = GeneralPurpose::new(&alphabet::STANDARD, lenient);
    let details = base64.decode(&trailers["grpc-status-details-bin"]).unwrap();
    (
        trailers["grpc-status"].to_str().unwrap().to_owned(),
        details,
    )
}

fn says(details: &[u8], reason: &str) -> bool {
    details
        .windows(reason.len())
        .any(|part| part == reason.as_bytes())
}

async fn product(mirror: &Mirror) -> Product {
    product_of(mirror, Settings::default()).await
}

async fn product_of(mirror: &Mirror, mut settings: Settings) -> Product {
    settings.gateway.upstreams.push(mirror.upstream().unwrap());
    let cluster = cluster::shared().await.unwrap();
    Product::start(cluster, settings).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_end_within_a_second_as_new_calls_would_be_refused() {
    let mirror = Mirror::start().await.unwrap();
    let product = product(&mirror).await;
    let (owner, other) = (
        product.owner().await.unwrap(),
        product.owner().await.unwrap(),
    );
    let operator = product.operator_client(Wire::Rest).await.unwrap();
    let mut streams = Vec::new();
    for kind in KINDS {
        streams.push((kind, open(&product, kind, &owner.token).await));
    }
    let mut neighbour = open(&product, KINDS[0], &other.token).await;
    let suspend = calls::suspend_tenant(&owner.tenant);
    operator.call(&suspend).await.unwrap().message().unwrap();
    let started = Instant::now();
    for (kind, stream) in streams {
        let ended = tokio::time::timeout(Duration::from_secs(5), end(kind, stream)).await;
        let (code, details) = ended.unwrap();
        assert_eq!(code, "7", "{kind}");
        assert!(says(&details, "TENANT_SUSPENDED"), "{kind}");
    }
    assert!(
        started.elapsed() < Duration::from_secs(1),
        "{:?}",
        started.elapsed()
    );
    // What was sent up to the service has ended, too; that of others has not.
    let closed = wait::until(Duration::from_secs(2), || async { mirror.open() == 1 });
    assert!(closed.await, "{} are open", mirror.open());
    let message = Bytes::from_static(&[0, 0, 0, 0, 0]);
    neighbour.send(message.clone()).await.unwrap();
    assert_eq!(neighbour.receive().await.unwrap(), message);
    drop(neighbour);

    let key = calls::create_api_key(json!({"displayName": "a program", "roles": ["member"]}));
    let admin = product.owner_client(&other, Wire::Rest).unwrap();
    let made = admin.call(&key).await.unwrap().message().unwrap();
    let secret = people::text(&made, "/secret").unwrap();
    let mut streams = Vec::new();
    for kind in KINDS {
        let stream = open_by(&product, kind, ("x-api-key", &secret)).await;
        streams.push((kind, stream));
    }
    let revoke = calls::revoke_api_key(&people::text(&made, "/apiKey/name").unwrap());
    admin.call(&revoke).await.unwrap().message().unwrap();
    let started = Instant::now();
    for (kind, stream) in streams {
        let ended = tokio::time::timeout(Duration::from_secs(5), end(kind, stream)).await;
        let (code, details) = ended.unwrap();
        assert_eq!(code, "16", "{kind}");
        assert!(says(&details, "CREDENTIAL_INVALID"), "{kind}");
    }
    assert!(
        started.elapsed() < Duration::from_secs(1),
        "{:?}",
        started.elapsed()
    );

    let pem = std::fs::read_to_string(product.data_dir.join("token-key.pem")).unwrap();
    let key = SigningKey::from_pem(&pem).unwrap();
    let claims = jsonwebtoken::dangerous::insecure_decode::<AccessClaims>(&other.token).unwrap();
    for kind in KINDS {
        // It is accepted for half a minute more, and so for three seconds.
        let mut claims = claims.claims.clone();
        claims.exp = jsonwebtoken::get_current_timestamp() - 27;
        let token = key.sign("JWT", &claims).unwrap();
        let stream = open(&product, kind, &token).await;
        let ended = tokio::time::timeout(Duration::from_millis(4500), end(kind, stream)).await;
        let (code, details) = ended.unwrap();
        assert_eq!(code, "16", "{kind}");
        assert!(says(&details, "CREDENTIAL_INVALID"), "{kind}");
    }
    let closed = wait::until(Duration::from_secs(2), || async { mirror.open() == 0 });
    assert!(closed.await, "{} are open", mirror.open());
    product.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_of_a_tenant_that_lost_its_schema_end_within_a_second() {
    let mirror = Mirror::start().await.unwrap();
    let mut settings = Settings::default();
    settings.control_plane.reconcile_seconds = 1;
    let product = product_of(&mirror, settings).await;
    let owner = product.owner().await.unwrap();
    let mut streams = Vec::new();
    for kind in KINDS {
        streams.push((kind, open(&product, kind, &owner.token).await));
    }
    let admin = database::connect(&product.admin_url).await.unwrap();
    let id = TenantId::from_resource_name(&owner.tenant).unwrap();
    let drop = format!("drop schema {} cascade", SchemaName::of(id).quoted());
    admin.execute(&drop, &[]).await.unwrap();
    let old = "update tenants set update_time = now() - interval '2 minutes' where id = $1";
    admin.execute(old, &[&id.as_uuid()]).await.unwrap();
    let failed = "select state = 'failed' from tenants where id = $1";
    let failed = wait::until(Duration::from_secs(10), || async {
        admin
            .query_one(failed, &[&id.as_uuid()])
            .await
            .unwrap()
            .get(0)
    });
    assert!(failed.await);
    let started = Instant::now();
    for (kind, stream) in streams {
        let ended = tokio::time::timeout(Duration::from_secs(5), end(kind, stream)).await;
        let (code, details) = ended.unwrap();
        assert_eq!(code, "7", "{kind}");
        assert!(says(&details, "TENANT_DENIED"), "{kind}");
    }
    let took = started.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
    product.stop().await.unwrap();
}
