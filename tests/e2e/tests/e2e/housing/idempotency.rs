//! A create that comes twice is done once.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use resido_e2e::{
    client::{Call, Wire, calls},
    database,
    people::text,
};
use resido_proto::ids::TenantId;
use resido_tenancy::tenant::SchemaName;
use serde_json::{Value, json};
use uuid::Uuid;

use super::desk::{Desk, create_lease, create_resident, create_work_order, lease};

/// Puts a key into a create, in both spellings.
fn keyed(mut call: Call, key: &str) -> Call {
    call.message["requestId"] = json!(key);
    call.uri = format!("{}?requestId={key}", call.uri);
    call
}

fn resident(given_name: &str) -> Call {
    create_resident(json!({"givenName": given_name, "familyName": "Lovelace"}))
}

async fn count(desk: &Desk) -> usize {
    let list = Call {
        path: "/resido.housing.v1.HousingService/ListResidents",
        message: json!({"pageSize": 1000}),
        verb: http::Method::GET,
        uri: "/v1/residents?pageSize=1000".to_owned(),
        body: None,
    };
    let listed = desk.done(Wire::Grpc, &list).await;
    listed["residents"].as_array().map_or(0, Vec::len)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_calls_with_one_key_make_one_resource() {
    let desk = Desk::new().await;
    let (call, client) = (keyed(resident("Ada"), "one"), desk.client(Wire::Grpc));
    let calls = (0..100).map(|_| async {
        loop {
            // The tenant's share of the database is smaller than the crowd, and
            // waits for others end; nothing was done then.
            match client.call(&call).await.unwrap().outcome {
                Ok(made) => return text(&made, "/name").unwrap(),
                Err(refusal) => {
                    let busy =
                        ["TENANT_BUSY", "DATABASE_BUSY", "CONFLICT"].contains(&refusal.reason());
                    assert!(busy, "{refusal:?}");
                }
            }
        }
    });
    let names: BTreeSet<_> = join_all(calls).await.into_iter().collect();
    assert_eq!(names.len(), 1);
    assert_eq!(count(&desk).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_create_takes_a_key_over_every_wire() {
    let desk = Desk::new().await;
    let (unit, tenant) = (desk.unit().await, desk.resident().await);
    let parent = desk.property().await;
    for (number, wire) in (0..).zip(Wire::ALL) {
        let start = format!("{}-01-01", 2030 + number);
        let end = format!("{}-12-31", 2030 + number);
        for (place, call) in [
            calls::create_property(json!({"displayName": "House"})),
            calls::create_unit(&parent, json!({"displayName": format!("{wire:?}")})),
            create_resident(json!({
                "givenName": "Ada", "familyName": "Lovelace", "email": format!("ada@{number}.example"),
            })),
            create_lease(lease(&unit, &tenant, &start, Some(&end))),
            create_work_order(json!({"unit": unit, "title": "Tap"})),
        ]
        .into_iter()
        .enumerate()
        {
            let call = keyed(call, &format!("{wire:?}-{place}"));
            let made = desk.done(wire, &call).await;
            for wire in Wire::ALL {
                assert_eq!(desk.done(wire, &call).await, made, "{}", call.path);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_stands_for_one_request() {
    let desk = Desk::new().await;
    let made = desk.done(Wire::Rest, &keyed(resident("Ada"), "k")).await;
    for other in [
        keyed(resident("Augusta"), "k"),
        keyed(calls::create_property(json!({"displayName": "House"})), "k"),
    ] {
        for wire in Wire::ALL {
            let refusal = desk.refused(wire, &other).await;
            let expected = (6, "IDEMPOTENCY_KEY_REUSED");
            assert_eq!((refusal.code(), refusal.reason()), expected, "{wire:?}");
        }
    }
    // Another tenant's keys are its own.
    let other = Desk::new().await;
    let theirs = other
        .done(Wire::Rest, &keyed(resident("Augusta"), "k"))
        .await;
    assert_ne!(theirs["name"], made["name"]);
    // A create that failed has used nothing up.
    let failed = desk.refused(Wire::Rest, &keyed(resident(""), "f")).await;
    assert_eq!(failed.reason(), "REQUEST_INVALID");
    desk.done(Wire::Rest, &keyed(resident("Grace"), "f")).await;
    let long = keyed(resident("Ada"), &"k".repeat(129));
    assert_eq!(
        desk.refused(Wire::Rest, &long).await.fields(),
        ["request_id"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_header_is_the_same_key() {
    let desk = Desk::new().await;
    for wire in Wire::ALL {
        let key = format!("{wire:?}");
        let client = desk.client(wire).header("idempotency-key", &key).unwrap();
        let made = client.call(&resident("Ada")).await.unwrap();
        let made = made.message().unwrap();
        let both = client.call(&keyed(resident("Ada"), &key)).await.unwrap();
        assert_eq!(both.message().unwrap(), made, "{wire:?}");
        let message = desk.done(wire, &keyed(resident("Ada"), &key)).await;
        assert_eq!(message, made);
        let differs = client.call(&keyed(resident("Ada"), "other")).await;
        let refusal = differs.unwrap().refusal().unwrap();
        assert_eq!(refusal.fields(), ["request_id"], "{wire:?}");
    }
    assert_eq!(count(&desk).await, Wire::ALL.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_is_the_resource_as_it_is_now() {
    let desk = Desk::new().await;
    let call = keyed(calls::create_property(json!({"displayName": "Old"})), "k");
    let name = desk.made(&call).await;
    let rename = calls::rename_property(&name, "New");
    let renamed = desk.done(Wire::Grpc, &rename).await;
    assert_eq!(desk.done(Wire::Rest, &call).await, renamed);
    desk.done(Wire::Rest, &calls::delete_property(&name)).await;
    let refusal = desk.refused(Wire::Rest, &call).await;
    assert_eq!(refusal.reason(), "RESOURCE_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_kept_for_a_day_and_then_go() {
    let desk = Desk::new().await;
    let first = desk.made(&keyed(resident("Ada"), "k")).await;
    for number in 0..3 {
        desk.made(&keyed(resident("Grace"), &format!("old-{number}")))
            .await;
    }
    let tenant = TenantId::from_resource_name(&desk.owner.tenant).unwrap();
    let schema = SchemaName::of(tenant);
    let admin = database::connect(&desk.product.admin_url).await.unwrap();
    let age = async |hours: u8| {
        let table = schema.quoted();
        let age = format!(
            "update {table}.idempotency_keys set create_time = now() - interval '{hours} hours'"
        );
        admin.execute(&age, &[]).await.unwrap();
    };
    age(23).await;
    assert_eq!(desk.made(&keyed(resident("Ada"), "k")).await, first);
    age(25).await;
    let second = desk.made(&keyed(resident("Ada"), "k")).await;
    assert_ne!(second, first);
    let left = format!("select key from {}.idempotency_keys", schema.quoted());
    let left = admin.query(&left, &[]).await.unwrap();
    let left: Vec<String> = left.iter().map(|row| row.get(0)).collect();
    assert_eq!(left, ["k"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_that_the_caller_chose_is_part_of_the_request() {
    let desk = Desk::new().await;
    let chosen = |id: Uuid| {
        let mut call = resident("Ada");
        call.message["residentId"] = json!(id);
        call.uri = format!("{}?residentId={id}", call.uri);
        call
    };
    let (id, other) = (Uuid::now_v7(), Uuid::now_v7());
    let mut with_key = chosen(id);
    with_key.message["requestId"] = json!("k");
    let made: Value = desk.done(Wire::Grpc, &with_key).await;
    assert_eq!(made["name"], format!("residents/{id}"));
    assert_eq!(desk.done(Wire::Grpc, &with_key).await, made);
    let mut another = chosen(other);
    another.message["requestId"] = json!("k");
    let refusal = desk.refused(Wire::Grpc, &another).await;
    assert_eq!(refusal.reason(), "IDEMPOTENCY_KEY_REUSED");
    // Without a key the id alone tells.
    for wire in Wire::ALL {
        let refusal = desk.refused(wire, &chosen(id)).await;
        assert_eq!(refusal.reason(), "RESOURCE_EXISTS", "{wire:?}");
    }
}
