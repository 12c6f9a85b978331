//! A document comes back as it was uploaded, and nothing else happens with it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{Method, Request};
use resido::Settings;
use resido_e2e::{
    client::{
        Call, Wire,
        raw::{self, Raw, Version},
    },
    cluster,
    product::Product,
};
use serde_json::{Value, json};

use super::desk::{Desk, named};

const UPLOAD: &str = "/resido.housing.v1.HousingService/UploadDocument";
const DOWNLOAD: &str = "/resido.housing.v1.HousingService/DownloadDocument";
const LIST: &str = "/resido.housing.v1.HousingService/ListDocuments";
const DELETE: &str = "/resido.housing.v1.HousingService/DeleteDocument";
const MAX_BYTES: usize = 4_000_000;

/// Sends bytes over REST as they are.
async fn rest(desk: &Desk, method: Method, uri: &str, kind: &str, body: Vec<u8>) -> Raw {
    let request = Request::builder()
        .method(method)
        .uri(uri)
        .header("authorization", format!("Bearer {}", desk.owner.token))
        .header("content-type", kind)
        .body(body)
        .unwrap();
    raw::send(desk.product.gateway, Version::One, request)
        .await
        .unwrap()
}

async fn upload(desk: &Desk, lease: &str, kind: &str, name: &str, body: Vec<u8>) -> Value {
    let uri = format!("/v1/{lease}/documents?displayName={name}");
    let raw = rest(desk, Method::POST, &uri, kind, body).await;
    assert_eq!(raw.status, 200, "{:?}", raw.body);
    serde_json::from_slice(&raw.body).unwrap()
}

fn message(lease: &str, kind: &str, body: &[u8]) -> Call {
    let content = json!({"contentType": kind, "data": STANDARD.encode(body)});
    Call {
        path: UPLOAD,
        message: json!({"parent": lease, "content": content, "displayName": "a b.pdf"}),
        verb: Method::POST,
        uri: String::new(),
        body: None,
    }
}

fn list(lease: &str) -> Call {
    Call {
        path: LIST,
        message: json!({"parent": lease}),
        verb: Method::GET,
        uri: format!("/v1/{lease}/documents"),
        body: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_and_type_come_back_over_every_wire() {
    let desk = Desk::new().await;
    let lease = desk.lease().await;
    let bytes: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    let mut uploaded =
        vec![upload(&desk, &lease, "application/pdf", "a%20b.pdf", bytes.clone()).await];
    for wire in [Wire::Grpc, Wire::Web, Wire::WebText] {
        let call = message(&lease, "application/pdf", &bytes);
        uploaded.push(desk.done(wire, &call).await);
    }
    for document in &uploaded {
        assert_eq!(document["displayName"], "a b.pdf");
        assert_eq!(document["contentType"], "application/pdf");
        assert_eq!(document["sizeBytes"], "70000");
        assert_eq!(document["sha256"], uploaded[0]["sha256"]);
        let name = document["name"].as_str().unwrap();
        for wire in [Wire::Grpc, Wire::Web, Wire::WebText] {
            let body = desk.done(wire, &named(DOWNLOAD, Method::GET, name)).await;
            assert_eq!(body["contentType"], "application/pdf");
            assert_eq!(body["data"], STANDARD.encode(&bytes), "{wire:?}");
        }
        let uri = format!("/v1/{name}:download");
        let raw = rest(&desk, Method::GET, &uri, "text/plain", Vec::new()).await;
        assert_eq!((raw.status.as_u16(), &raw.body[..]), (200, &bytes[..]));
        assert_eq!(raw.headers["content-type"], "application/pdf");
    }
    let sum = uploaded[0]["sha256"].as_str().unwrap();
    assert_eq!(sum.len(), 64);
    for wire in Wire::ALL {
        let listed = desk.done(wire, &list(&lease)).await;
        let names = listed["documents"].as_array().unwrap().iter();
        let names: Vec<_> = names.map(|document| &document["name"]).collect();
        let expected: Vec<_> = uploaded.iter().map(|document| &document["name"]).collect();
        assert_eq!(names, expected, "{wire:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_somebody_uploaded_is_saved_and_not_shown() {
    let desk = Desk::new().await;
    let lease = desk.lease().await;
    let page = b"<script>alert(document.domain)</script>".to_vec();
    let name = "%22%0A;x=%C3%A4.html";
    let uri = format!("/v1/{lease}/documents?displayName={name}");
    let refused = rest(&desk, Method::POST, &uri, "text/html", page.clone()).await;
    assert_eq!(refused.status, 400, "a line end in a name");
    let name = "%22;x=%C3%A4.html";
    let document = upload(&desk, &lease, "text/html", name, page.clone()).await;
    let uri = format!("/v1/{}:download", document["name"].as_str().unwrap());
    let raw = rest(&desk, Method::GET, &uri, "text/plain", Vec::new()).await;
    assert_eq!(&raw.body[..], &page[..]);
    let disposition = raw.headers["content-disposition"].to_str().unwrap();
    let expected = "attachment; filename*=UTF-8''%22%3Bx%3D%C3%A4.html";
    assert_eq!(disposition, expected);
    let options: Vec<_> = raw
        .headers
        .get_all("x-content-type-options")
        .iter()
        .collect();
    assert_eq!(options, ["nosniff"]);
    let anonymous = upload(&desk, &lease, "", "", page).await;
    assert_eq!(anonymous["contentType"], "application/octet-stream");
    let uri = format!("/v1/{}:download", anonymous["name"].as_str().unwrap());
    let raw = rest(&desk, Method::GET, &uri, "text/plain", Vec::new()).await;
    assert_eq!(raw.headers["content-disposition"], "attachment");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_largest_document_passes_and_one_byte_more_does_not() {
    let desk = Desk::new().await;
    let lease = desk.lease().await;
    let largest = vec![7; MAX_BYTES];
    let kind = "application/octet-stream";
    let document = upload(&desk, &lease, kind, "", largest.clone()).await;
    assert_eq!(document["sizeBytes"], "4000000");
    let name = document["name"].as_str().unwrap();
    // A gRPC client with the limits it comes with takes it as well.
    let download = named(DOWNLOAD, Method::GET, name);
    let body = desk.done(Wire::Grpc, &download).await;
    assert!(body["data"] == STANDARD.encode(&largest));
    desk.done(Wire::Grpc, &message(&lease, kind, &largest))
        .await;
    let too_large = vec![7; MAX_BYTES + 1];
    let uri = format!("/v1/{lease}/documents");
    let raw = rest(&desk, Method::POST, &uri, kind, too_large.clone()).await;
    assert_eq!(raw.status, 400);
    let refusal = desk
        .refused(Wire::Grpc, &message(&lease, kind, &too_large))
        .await;
    assert_eq!(refusal.fields(), ["content.data"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c9_what_is_above_the_bound_is_refused_by_the_gateway_over_every_wire() {
    const BOUND: usize = 4 << 20;
    let desk = Desk::new().await;
    let lease = desk.lease().await;
    let kind = "application/octet-stream";
    // One byte less or more of a body, and a body whose path makes a message of
    // it that is longer.
    let uri = format!("/v1/{lease}/documents");
    for bytes in [BOUND - 10, BOUND, BOUND + 1] {
        let raw = rest(&desk, Method::POST, &uri, kind, vec![7; bytes]).await;
        assert_eq!(raw.status, 413, "{bytes}: {:?}", raw.body);
        let error: Value = serde_json::from_slice(&raw.body).unwrap();
        assert_eq!(error["details"][0]["reason"], "BODY_TOO_LARGE", "{bytes}");
    }
    for wire in [Wire::Grpc, Wire::Web, Wire::WebText] {
        for bytes in [BOUND - 10, BOUND + 1] {
            let call = message(&lease, kind, &vec![7; bytes]);
            let refusal = desk.refused(wire, &call).await;
            assert_eq!(refusal.reason(), "BODY_TOO_LARGE", "{wire:?} {bytes}");
            assert_eq!(refusal.code(), 8, "{wire:?} {bytes}");
        }
    }
    // Just below it, the service says what it takes.
    let call = message(&lease, kind, &vec![7; BOUND - 1000]);
    let refusal = desk.refused(Wire::Grpc, &call).await;
    assert_eq!(refusal.fields(), ["content.data"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_admits_more_is_followed_by_its_services() {
    let mut settings = Settings::default();
    settings.gateway.limits.body_bytes = 8 << 20;
    let product = Product::start(cluster::shared().await.unwrap(), settings)
        .await
        .unwrap();
    let owner = product.owner().await.unwrap();
    let client = product.owner_client(&owner, Wire::Grpc).unwrap();
    let call = message("leases/x", "text/plain", &vec![7; 6 << 20]);
    let refusal = client.call(&call).await.unwrap().refusal().unwrap();
    assert!(
        refusal.fields().contains(&"content.data".into()),
        "{refusal:?}"
    );
    product.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_goes_by_itself_or_with_its_lease() {
    let desk = Desk::new().await;
    let lease = desk.lease().await;
    let mut names = Vec::new();
    for _ in 0..2 {
        let document = upload(&desk, &lease, "text/plain", "", b"x".to_vec()).await;
        names.push(document["name"].as_str().unwrap().to_owned());
    }
    let delete = named(DELETE, Method::DELETE, &names[0]);
    desk.done(Wire::Rest, &delete).await;
    let gone = desk.refused(Wire::Rest, &delete).await;
    assert_eq!(gone.reason(), "RESOURCE_NOT_FOUND");
    let path = "/resido.housing.v1.HousingService/DeleteLease";
    desk.done(Wire::Grpc, &named(path, Method::DELETE, &lease))
        .await;
    let gone = desk
        .refused(Wire::Grpc, &named(DOWNLOAD, Method::GET, &names[1]))
        .await;
    assert_eq!(gone.reason(), "RESOURCE_NOT_FOUND");
    let uri = format!("/v1/{lease}/documents");
    let raw = rest(&desk, Method::POST, &uri, "text/plain", b"x".to_vec()).await;
    assert_eq!(raw.status, 404);
    let bad = desk
        .refused(Wire::Grpc, &message(&lease, "text", b"x"))
        .await;
    assert_eq!(bad.fields(), ["content.content_type"]);
}
