//! Leases as callers send them.

use std::time::UNIX_EPOCH;

use prost_types::FieldMask;
use resido_proto::google::r#type::{Date, Money};

use super::*;
use crate::properties::model::PropertyId;

fn date(year: i32, month: i32, day: i32) -> Option<Date> {
    Some(Date { year, month, day })
}

fn unit() -> UnitId {
    UnitId {
        property: PropertyId(Uuid::from_u128(1)),
        id: Uuid::from_u128(2),
    }
}

fn lease() -> proto::Lease {
    proto::Lease {
        name: LeaseId(Uuid::from_u128(3)).name(),
        unit: unit().name(),
        resident: ResidentId(Uuid::from_u128(4)).name(),
        start_date: date(2026, 1, 1),
        end_date: date(2026, 12, 31),
        monthly_rent: Some(Money {
            currency_code: "EUR".into(),
            units: 1200,
            nanos: 500_000_000,
        }),
        ..Default::default()
    }
}

fn stored() -> Lease {
    Lease {
        id: LeaseId(Uuid::from_u128(3)),
        unit: unit(),
        resident: ResidentId(Uuid::from_u128(4)),
        terms: Terms::parse(&lease()).unwrap(),
        created: UNIX_EPOCH,
        updated: UNIX_EPOCH,
        revision: 1,
    }
}

fn fields(faults: Vec<Violation>) -> Vec<String> {
    let names = faults.into_iter().map(|fault| fault.field.into_owned());
    names.collect()
}

fn change(lease: proto::Lease, paths: &[&str]) -> Result<Change, Vec<Violation>> {
    let paths = paths.iter().map(ToString::to_string).collect();
    Change::parse(proto::UpdateLeaseRequest {
        lease: Some(lease),
        update_mask: Some(FieldMask { paths }),
    })
}

#[test]
fn a_new_lease_reports_every_fault_at_once() {
    let parse = |lease| {
        NewLease::parse(proto::CreateLeaseRequest {
            lease: Some(lease),
            ..Default::default()
        })
    };
    assert_eq!(
        fields(parse(proto::Lease::default()).unwrap_err()),
        [
            "lease.unit",
            "lease.resident",
            "lease.start_date",
            "lease.monthly_rent"
        ]
    );
    assert!(parse(lease()).is_ok());
    let open = parse(proto::Lease {
        end_date: None,
        ..lease()
    });
    assert_eq!(open.unwrap().terms.end, None);
    let one_day = proto::Lease {
        end_date: date(2026, 1, 1),
        ..lease()
    };
    assert!(parse(one_day).is_ok());
    let backwards = proto::Lease {
        end_date: date(2025, 12, 31),
        ..lease()
    };
    assert_eq!(fields(parse(backwards).unwrap_err()), ["lease.end_date"]);
}

#[test]
fn a_change_touches_only_what_the_mask_names() {
    let sent = || proto::Lease {
        start_date: date(2026, 2, 30),
        end_date: date(2027, 6, 30),
        monthly_rent: None,
        ..lease()
    };
    let terms = change(sent(), &["end_date"]).unwrap().apply(stored());
    let terms = terms.unwrap();
    assert_eq!(terms.start, stored().terms.start);
    assert_eq!(terms.end, Some(Day::stored("2027-06-30".to_owned())));
    assert_eq!(terms.rent, stored().terms.rent);
    let faults = change(sent(), &["start_date.day", "monthly_rent", "etag"]);
    let expected = ["update_mask", "lease.start_date", "lease.monthly_rent"];
    assert_eq!(fields(faults.unwrap_err()), expected);
}

#[test]
fn a_sum_changes_as_a_whole_whatever_part_is_named() {
    let mut sent = lease();
    // As REST fills the mask of `{"currencyCode": "EUR", "units": "1300"}`.
    sent.monthly_rent = Some(Money {
        currency_code: "EUR".into(),
        units: 1300,
        nanos: 0,
    });
    let paths = ["monthly_rent.currency_code", "monthly_rent.units"];
    let terms = change(sent, &paths).unwrap().apply(stored()).unwrap();
    assert_eq!(terms.rent.minor, 130_000);
}

#[test]
fn a_lease_is_opened_by_an_unset_end() {
    let sent = proto::Lease {
        end_date: None,
        ..lease()
    };
    let terms = change(sent, &["end_date"]).unwrap().apply(stored());
    assert_eq!(terms.unwrap().end, None);
}

#[test]
fn unit_and_resident_stay_as_they_are() {
    let moved = || proto::Lease {
        unit: UnitId {
            id: Uuid::from_u128(9),
            ..unit()
        }
        .name(),
        resident: "residents/somebody".into(),
        ..lease()
    };
    let apply = |lease, paths: &[&str]| change(lease, paths).unwrap().apply(stored());
    let both = apply(moved(), &["unit", "resident", "end_date"]);
    assert_eq!(fields(both.unwrap_err()), ["lease.unit", "lease.resident"]);
    assert!(apply(moved(), &["*"]).is_err());
    assert!(apply(moved(), &["end_date"]).is_ok());
    assert!(apply(lease(), &["*"]).is_ok());
    assert!(apply(lease(), &["unit", "resident"]).is_ok());
}

#[test]
fn dates_are_compared_with_those_that_stay() {
    let sent = proto::Lease {
        end_date: date(2025, 1, 1),
        ..lease()
    };
    let faults = change(sent, &["end_date"]).unwrap().apply(stored());
    assert_eq!(fields(faults.unwrap_err()), ["lease.end_date"]);
}
