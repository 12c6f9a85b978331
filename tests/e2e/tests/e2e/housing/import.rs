//! What is wrong with one resident keeps none of the others out.

use bytes::Bytes;
use http::Request;
use prost_reflect::prost::Message as _;
use prost_types::FieldMask;
use resido_e2e::client::raw::{self, Version};
use resido_proto::housing::v1::{
    CreateResidentRequest, ImportResidentsRequest, ImportResidentsResponse, ListResidentsRequest,
    Resident, UpdateResidentRequest,
};
use serde_json::Value;
use tonic::Code;

use super::desk::{Desk, reason};

fn resident(given_name: &str, email: &str) -> Resident {
    Resident {
        given_name: given_name.to_owned(),
        family_name: "Lovelace".to_owned(),
        email: email.to_owned(),
        ..Resident::default()
    }
}

fn message(given_name: &str, email: &str) -> ImportResidentsRequest {
    ImportResidentsRequest {
        resident: Some(resident(given_name, email)),
    }
}

async fn emails(desk: &Desk) -> usize {
    let mut housing = desk.housing().await;
    let (mut found, mut page_token) = (0, String::new());
    loop {
        let page = housing.list_residents(ListResidentsRequest {
            page_size: 1000,
            page_token,
            ..Default::default()
        });
        let page = page.await.unwrap().into_inner();
        found += page.residents.len();
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return found;
        }
    }
}

/// Messages of which the second is faulty, the fourth's address is taken within
/// the stream, and the last one's was taken before.
fn mixed() -> Vec<ImportResidentsRequest> {
    vec![
        message("Ada", "ada@acme.example"),
        message("", "x@y"),
        message("Grace", ""),
        message("Augusta", "ADA@acme.example"),
        message("Edsger", ""),
        message("Alan", "before@acme.example"),
    ]
}

fn check(report: &ImportResidentsResponse, wire: &str) {
    assert_eq!(
        (report.created_count, report.failed_count),
        (3, 3),
        "{wire}"
    );
    let failures = report.failures.iter();
    let failures: Vec<_> = failures
        .map(|failure| (failure.index, failure.reason.as_str()))
        .collect();
    let expected = [
        (1, "REQUEST_INVALID"),
        (3, "RESOURCE_EXISTS"),
        (5, "RESOURCE_EXISTS"),
    ];
    let mut sorted = failures.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, expected, "{wire}");
}

async fn desk_with_one() -> Desk {
    let desk = Desk::new().await;
    let mut housing = desk.housing().await;
    let before = CreateResidentRequest {
        resident: Some(resident("Alan", "Before@Acme.example")),
        ..Default::default()
    };
    housing.create_resident(before).await.unwrap();
    desk
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_good_ones_come_in_over_every_wire() {
    let desk = desk_with_one().await;
    let mut housing = desk.housing().await;
    let stream = tokio_stream::iter(mixed());
    let report = housing.import_residents(stream).await.unwrap();
    check(&report.into_inner(), "gRPC");
    assert_eq!(emails(&desk).await, 4);

    let desk = desk_with_one().await;
    let lines: Vec<_> = mixed()
        .into_iter()
        .map(|message| {
            let resident = message.resident.unwrap();
            serde_json::json!({
                "givenName": resident.given_name, "familyName": resident.family_name,
                "email": resident.email,
            })
            .to_string()
        })
        .collect();
    for (kind, body) in [
        ("application/x-ndjson", lines.join("\n")),
        ("application/json", format!("[{}]", lines.join(","))),
    ] {
        let request = Request::post("/v1/residents:import")
            .header("authorization", format!("Bearer {}", desk.owner.token))
            .header("content-type", kind)
            .body(body)
            .unwrap();
        let raw = raw::send(desk.product.gateway, Version::One, request).await;
        let raw = raw.unwrap();
        assert_eq!(raw.status, 200, "{:?}", raw.body);
        let report: Value = serde_json::from_slice(&raw.body).unwrap();
        // The second import finds the first one's address taken.
        let failed = if kind == "application/json" { 4 } else { 3 };
        assert_eq!(report["failedCount"], failed, "{report}");
        assert_eq!(report["createdCount"], 6 - failed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c9_one_message_above_the_bound_ends_a_stream_over_every_wire() {
    let desk = Desk::new().await;
    let long = "a".repeat((4 << 20) + 1);
    let mut housing = desk.housing().await;
    let stream = tokio_stream::iter([message("Ada", ""), message(&long, "")]);
    let status = housing.import_residents(stream).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(reason(&status), "BODY_TOO_LARGE");
    let request = Request::post("/v1/residents:import")
        .header("authorization", format!("Bearer {}", desk.owner.token))
        .header("content-type", "application/x-ndjson")
        .body(format!("{{\"givenName\": \"{long}\"}}\n"))
        .unwrap();
    let raw = raw::send(desk.product.gateway, Version::One, request).await;
    let raw = raw.unwrap();
    assert_eq!(raw.status, 413, "{:?}", raw.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_import_is_written_in_batches() {
    let desk = Desk::new().await;
    let mut housing = desk.housing().await;
    let stream = (0..1003).map(|number| match number % 100 {
        7 => message("", ""),
        _ => message("Ada", &format!("ada{number}@acme.example")),
    });
    let report = housing.import_residents(tokio_stream::iter(stream)).await;
    let report = report.unwrap().into_inner();
    assert_eq!((report.created_count, report.failed_count), (993, 10));
    assert_eq!(report.failures.len(), 10);
    assert_eq!(emails(&desk).await, 993);
    // Again: nothing is made twice, and not everything is told.
    let stream = (0..1003).map(|number| message("Ada", &format!("ada{number}@acme.example")));
    let report = housing.import_residents(tokio_stream::iter(stream)).await;
    let report = report.unwrap().into_inner();
    assert_eq!((report.created_count, report.failed_count), (10, 993));
    assert_eq!(report.failures.len(), 100);
    let nothing = housing.import_residents(tokio_stream::empty()).await;
    assert_eq!(
        nothing.unwrap().into_inner(),
        ImportResidentsResponse::default()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_committed_stays_when_the_stream_breaks_off() {
    let desk = Desk::new().await;
    let mut housing = desk.housing().await;
    let too_many = (0..10_001).map(|_| message("", ""));
    let refused = housing.import_residents(tokio_stream::iter(too_many)).await;
    let refused = refused.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::InvalidArgument, "REQUEST_INVALID".into())
    );
    // Two whole batches and a half, and then something that is no message.
    let good = (0..500).map(|number| message("Ada", &format!("a{number}@acme.example")));
    let mut body: Vec<u8> = Vec::new();
    for message in good {
        let message = message.encode_to_vec();
        body.push(0);
        body.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
        body.extend(message);
    }
    body.extend([0, 0, 0, 0, 1, 0xff]);
    let path = "/resido.housing.v1.HousingService/ImportResidents";
    let request = Request::post(path)
        .header("authorization", format!("Bearer {}", desk.owner.token))
        .header("content-type", "application/grpc-web+proto")
        .body(Bytes::from(body))
        .unwrap();
    let raw = raw::send(desk.product.gateway, Version::One, request).await;
    let raw = raw.unwrap();
    let status = raw.headers.get("grpc-status").cloned();
    assert!(status.is_none_or(|status| status != "0"), "{:?}", raw.body);
    assert_eq!(emails(&desk).await, 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_is_one_whatever_its_case_and_may_be_given_up() {
    let desk = desk_with_one().await;
    let mut housing = desk.housing().await;
    let create = |email: &str| CreateResidentRequest {
        resident: Some(resident("Alan", email)),
        ..Default::default()
    };
    let taken = housing.create_resident(create("BEFORE@acme.example")).await;
    let taken = taken.unwrap_err();
    assert_eq!(
        (taken.code(), reason(&taken)),
        (Code::AlreadyExists, "RESOURCE_EXISTS".into())
    );
    // Many have none.
    let one = housing.create_resident(create("")).await.unwrap();
    housing.create_resident(create("")).await.unwrap();
    let change = |name: String, email: &str| {
        let paths = vec!["email".to_owned()];
        let resident = Resident {
            name,
            ..resident("", email)
        };
        let request = UpdateResidentRequest {
            resident: Some(resident),
            update_mask: Some(FieldMask { paths }),
        };
        let mut housing = housing.clone();
        async move { housing.update_resident(request).await }
    };
    let name = one.into_inner().name;
    let taken = change(name.clone(), "Before@acme.example").await;
    assert_eq!(reason(&taken.unwrap_err()), "RESOURCE_EXISTS");
    let changed = change(name, "Alan@acme.example").await.unwrap();
    assert_eq!(changed.into_inner().email, "alan@acme.example");
}
