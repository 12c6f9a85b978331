//! A work order goes its way, and no other.

use std::time::{Duration, SystemTime};

use http::Method;
use prost_types::Timestamp;
use resido_e2e::client::{Call, Wire};
use serde_json::{Value, json};

use super::desk::{Desk, create_work_order, named, update};

const GET: &str = "/resido.housing.v1.HousingService/GetWorkOrder";
const UPDATE: &str = "/resido.housing.v1.HousingService/UpdateWorkOrder";
const DELETE: &str = "/resido.housing.v1.HousingService/DeleteWorkOrder";

fn step(path: &'static str, verb: &str, name: &Value, more: Value) -> Call {
    let name = name.as_str().unwrap();
    let mut message = more.clone();
    message["name"] = json!(name);
    Call {
        path,
        message,
        verb: Method::POST,
        uri: format!("/v1/{name}:{verb}"),
        body: Some(more),
    }
}

fn schedule(name: &Value, time: &str) -> Call {
    let path = "/resido.housing.v1.HousingService/ScheduleWorkOrder";
    step(path, "schedule", name, json!({"scheduledTime": time}))
}

fn complete(name: &Value) -> Call {
    let path = "/resido.housing.v1.HousingService/CompleteWorkOrder";
    step(path, "complete", name, json!({}))
}

fn cancel(name: &Value, etag: &str) -> Call {
    let path = "/resido.housing.v1.HousingService/CancelWorkOrder";
    step(path, "cancel", name, json!({"etag": etag}))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_work_order_goes_its_way_over_every_wire() {
    let desk = Desk::new().await;
    let unit = desk.unit().await;
    for wire in Wire::ALL {
        let sent = json!({"unit": unit, "title": "Tap", "description": "It drips.\nA lot."});
        let made = desk.done(wire, &create_work_order(sent)).await;
        let name = &made["name"];
        assert_eq!(
            (&made["state"], &made["priority"]),
            (&json!("OPEN"), &json!("NORMAL"))
        );
        assert!(made.get("scheduledTime").is_none());
        let state = async |call: Call, expected: &str| {
            let refusal = desk.refused(wire, &call).await;
            assert_eq!((refusal.code(), refusal.reason()), (9, "WORK_ORDER_STATE"));
            let info = refusal.detail("ErrorInfo").unwrap();
            assert_eq!(info["metadata"]["state"], expected, "{wire:?}");
        };
        state(complete(name), "open").await;
        for time in ["2199-01-01T08:00:00Z", "2199-01-02T08:00:00.250Z"] {
            let scheduled = desk.done(wire, &schedule(name, time)).await;
            assert_eq!(scheduled["state"], "SCHEDULED", "{wire:?}");
            assert_eq!(scheduled["scheduledTime"], time);
        }
        let urgent = json!({"name": name, "priority": "URGENT", "title": "Taps"});
        let urgent = update(UPDATE, "workOrder", urgent, "priority");
        let changed = desk.done(wire, &urgent).await;
        assert_eq!(
            (&changed["priority"], &changed["title"]),
            (&json!("URGENT"), &json!("Tap"))
        );
        let done = desk.done(wire, &complete(name)).await;
        assert_eq!(done["state"], "DONE");
        assert_eq!(done["scheduledTime"], "2199-01-02T08:00:00.250Z");
        for call in [
            complete(name),
            cancel(name, ""),
            schedule(name, "2199-01-01T08:00:00Z"),
            urgent,
        ] {
            state(call, "done").await;
        }
        let name = name.as_str().unwrap();
        assert_eq!(desk.done(wire, &named(GET, Method::GET, name)).await, done);
        desk.done(wire, &named(DELETE, Method::DELETE, name)).await;
        let gone = desk.refused(wire, &named(GET, Method::GET, name)).await;
        assert_eq!(gone.reason(), "RESOURCE_NOT_FOUND");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_work_order_is_given_up_once_by_who_knows_it() {
    let desk = Desk::new().await;
    let unit = desk.unit().await;
    let made = create_work_order(json!({"unit": unit, "title": "Lamp", "priority": "LOW"}));
    let made = desk.done(Wire::Rest, &made).await;
    let (name, etag) = (&made["name"], made["etag"].as_str().unwrap());
    let stale = desk.refused(Wire::Rest, &cancel(name, "r9")).await;
    assert_eq!(stale.reason(), "ETAG_MISMATCH");
    let cancelled = desk.done(Wire::Rest, &cancel(name, etag)).await;
    assert_eq!(cancelled["state"], "CANCELLED");
    let again = desk.refused(Wire::Grpc, &cancel(name, "")).await;
    assert_eq!(again.reason(), "WORK_ORDER_STATE");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_lies_in_the_future() {
    let desk = Desk::new().await;
    let unit = desk.unit().await;
    let made = create_work_order(json!({"unit": unit, "title": "Lamp"}));
    let made = desk.done(Wire::Grpc, &made).await;
    let past = SystemTime::now() - Duration::from_secs(120);
    let past = Timestamp::from(past).to_string();
    for time in [past.as_str(), "1969-12-31T23:59:59Z"] {
        let refusal = desk
            .refused(Wire::Rest, &schedule(&made["name"], time))
            .await;
        assert_eq!(refusal.fields(), ["scheduled_time"], "{time}");
    }
    let soon = Timestamp::from(SystemTime::now() - Duration::from_secs(20)).to_string();
    desk.done(Wire::Rest, &schedule(&made["name"], &soon)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unit_with_work_orders_stays_and_a_work_order_stays_with_its_unit() {
    let desk = Desk::new().await;
    let unit = desk.unit().await;
    let elsewhere = unit.replace("/units/", "/units/0");
    let missing = unit[..unit.len() - 4].to_owned() + "ffff";
    for (unit, reason) in [
        (elsewhere, "REQUEST_INVALID"),
        (missing, "RESOURCE_NOT_FOUND"),
    ] {
        let call = create_work_order(json!({"unit": unit, "title": "Lamp"}));
        assert_eq!(desk.refused(Wire::Grpc, &call).await.reason(), reason);
    }
    let made = create_work_order(json!({"unit": unit, "title": "Lamp"}));
    let made = desk.made(&made).await;
    let other = json!({"name": made, "unit": desk.unit().await});
    let moved = update(UPDATE, "workOrder", other, "unit");
    let refusal = desk.refused(Wire::Rest, &moved).await;
    assert_eq!(refusal.fields(), ["work_order.unit"]);
    let path = "/resido.housing.v1.HousingService/DeleteUnit";
    let refusal = desk
        .refused(Wire::Rest, &named(path, Method::DELETE, &unit))
        .await;
    assert_eq!(refusal.reason(), "RESOURCE_IN_USE");
}
