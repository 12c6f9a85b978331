//! No unit is let twice at a time, whatever two calls do at once.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use http::Method;
use resido_e2e::client::{Wire, calls};
use serde_json::json;

use super::desk::{Desk, create_lease, date, lease, named, update};

const GET: &str = "/resido.housing.v1.HousingService/GetLease";
const UPDATE: &str = "/resido.housing.v1.HousingService/UpdateLease";
const DELETE: &str = "/resido.housing.v1.HousingService/DeleteLease";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_lives_over_every_wire() {
    let desk = Desk::new().await;
    for wire in Wire::ALL {
        let (unit, resident) = (desk.unit().await, desk.resident().await);
        let sent = lease(&unit, &resident, "2026-01-01", Some("2026-12-31"));
        let made = desk.done(wire, &create_lease(sent.clone())).await;
        for field in ["unit", "resident", "startDate", "endDate", "monthlyRent"] {
            assert_eq!(made[field], sent[field], "{wire:?}");
        }
        let name = made["name"].as_str().unwrap();
        assert_eq!(desk.done(wire, &named(GET, Method::GET, name)).await, made);
        let rent = json!({"currencyCode": "EUR", "units": "1300"});
        let change = json!({"name": name, "monthlyRent": rent, "etag": made["etag"]});
        let change = update(UPDATE, "lease", change, "monthlyRent");
        let changed = desk.done(wire, &change).await;
        assert_eq!(changed["monthlyRent"], rent, "{wire:?}");
        assert_eq!(changed["endDate"], made["endDate"]);
        // The etag that was sent is the old one.
        let late = desk.refused(wire, &change).await;
        assert_eq!(late.reason(), "ETAG_MISMATCH");
        for (field, other) in [
            ("unit", desk.unit().await),
            ("resident", desk.resident().await),
        ] {
            let moved = json!({"name": name, field: other});
            let refusal = desk
                .refused(wire, &update(UPDATE, "lease", moved, field))
                .await;
            assert_eq!(refusal.fields(), [format!("lease.{field}")], "{wire:?}");
        }
        let delete = named(DELETE, Method::DELETE, name);
        assert_eq!(desk.done(wire, &delete).await, json!({}));
        let gone = desk.refused(wire, &delete).await;
        assert_eq!(gone.reason(), "RESOURCE_NOT_FOUND");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn days_that_touch_overlap_and_days_that_follow_do_not() {
    let desk = Desk::new().await;
    let resident = desk.resident().await;
    for (start, end, free) in [
        ("2026-06-30", Some("2026-07-15"), false),
        ("2026-07-01", Some("2026-07-15"), true),
        ("2025-12-01", Some("2026-01-01"), false),
        ("2025-12-01", Some("2025-12-31"), true),
        ("2026-03-01", Some("2026-03-01"), false),
        ("2026-01-01", Some("2026-06-30"), false),
        ("2025-01-01", Some("2027-01-01"), false),
        ("2025-01-01", None, false),
        ("2026-06-30", None, false),
        ("2026-07-01", None, true),
    ] {
        let unit = desk.unit().await;
        let first = lease(&unit, &resident, "2026-01-01", Some("2026-06-30"));
        desk.made(&create_lease(first)).await;
        let second = create_lease(lease(&unit, &resident, start, end));
        let reply = desk.client(Wire::Grpc).call(&second).await.unwrap();
        match reply.outcome {
            Ok(_) => assert!(free, "{start} {end:?}"),
            Err(refusal) => {
                assert!(!free, "{start} {end:?}");
                assert_eq!((refusal.code(), refusal.reason()), (9, "LEASE_OVERLAP"));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_lease_keeps_the_unit_until_it_gets_an_end() {
    let desk = Desk::new().await;
    let (unit, resident) = (desk.unit().await, desk.resident().await);
    let open = lease(&unit, &resident, "2026-01-01", None);
    let open = desk.done(Wire::Rest, &create_lease(open)).await;
    assert!(open.get("endDate").is_none(), "{open}");
    let next = create_lease(lease(&unit, &resident, "2200-12-31", None));
    let refusal = desk.refused(Wire::Rest, &next).await;
    assert_eq!(refusal.reason(), "LEASE_OVERLAP");
    let name = &open["name"];
    let ended = json!({"name": name, "endDate": date("2200-12-30")});
    desk.done(Wire::Rest, &update(UPDATE, "lease", ended, "endDate"))
        .await;
    desk.done(Wire::Rest, &next).await;
    // It cannot be opened again, nor end before it begins.
    let opened = update(UPDATE, "lease", json!({"name": name}), "endDate");
    let refusal = desk.refused(Wire::Grpc, &opened).await;
    assert_eq!(refusal.reason(), "LEASE_OVERLAP");
    let turned = json!({"name": name, "endDate": date("2025-12-31")});
    let turned = update(UPDATE, "lease", turned, "endDate");
    let refusal = desk.refused(Wire::Rest, &turned).await;
    assert_eq!(refusal.fields(), ["lease.end_date"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_twenty_who_want_the_same_days_one_wins() {
    let desk = Desk::new().await;
    let (unit, resident) = (desk.unit().await, desk.resident().await);
    let client = desk.client(Wire::Grpc);
    let races = (1..=20).map(|day| {
        let start = format!("2026-01-{day:02}");
        let call = create_lease(lease(&unit, &resident, &start, Some("2026-02-01")));
        let client = client.clone();
        async move {
            match client.call(&call).await.unwrap().outcome {
                Ok(_) => "won".to_owned(),
                Err(refusal) => refusal.reason().to_owned(),
            }
        }
    });
    let ends = join_all(races).await;
    assert_eq!(ends.iter().filter(|end| *end == "won").count(), 1);
    let reasons: BTreeSet<_> = ends.iter().map(String::as_str).collect();
    // The tenant's share of the database is smaller than the race.
    for reason in &reasons {
        let expected = ["won", "LEASE_OVERLAP", "TENANT_BUSY"].contains(reason);
        assert!(expected, "{reasons:?}");
    }
    assert!(reasons.contains("LEASE_OVERLAP"), "{reasons:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_lease_names_must_be_there_and_stays_there() {
    let desk = Desk::new().await;
    let (unit, resident) = (desk.unit().await, desk.resident().await);
    let (property, _) = unit.split_once("/units/").unwrap();
    let nobody = "01900000-0000-7000-8000-000000000000";
    for (unit, resident, missing) in [
        (
            format!("{property}/units/{nobody}"),
            resident.clone(),
            "unit",
        ),
        // A unit of another property.
        (
            unit.replace(property, &desk.property().await),
            resident.clone(),
            "unit",
        ),
        (unit.clone(), format!("residents/{nobody}"), "resident"),
    ] {
        let call = create_lease(lease(&unit, &resident, "2026-01-01", None));
        let refusal = desk.refused(Wire::Grpc, &call).await;
        assert_eq!(refusal.reason(), "RESOURCE_NOT_FOUND");
        assert_eq!(refusal.0["message"], format!("{missing} does not exist"));
    }
    let made = create_lease(lease(&unit, &resident, "2026-01-01", None));
    let made = desk.made(&made).await;
    const UNIT: &str = "/resido.housing.v1.HousingService/DeleteUnit";
    const RESIDENT: &str = "/resido.housing.v1.HousingService/DeleteResident";
    let deletes = [
        named(UNIT, Method::DELETE, &unit),
        named(RESIDENT, Method::DELETE, &resident),
    ];
    for delete in &deletes {
        let refusal = desk.refused(Wire::Rest, delete).await;
        assert_eq!(refusal.reason(), "RESOURCE_IN_USE");
    }
    let delete = named(DELETE, Method::DELETE, &made);
    desk.done(Wire::Grpc, &delete).await;
    for delete in &deletes {
        desk.done(Wire::Rest, delete).await;
    }
    let property = calls::delete_property(property);
    desk.done(Wire::Grpc, &property).await;
}
