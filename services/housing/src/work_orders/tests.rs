//! Work orders as callers send them, and their way.

use std::time::UNIX_EPOCH;

use prost_types::FieldMask;
use resido_proto::error::Failure as _;

use super::*;
use crate::properties::model::PropertyId;

fn unit() -> UnitId {
    UnitId {
        property: PropertyId(Uuid::from_u128(1)),
        id: Uuid::from_u128(2),
    }
}

fn work_order(title: &str) -> proto::WorkOrder {
    proto::WorkOrder {
        name: WorkOrderId(Uuid::from_u128(3)).name(),
        unit: unit().name(),
        title: title.into(),
        ..Default::default()
    }
}

fn fields(faults: Vec<Violation>) -> Vec<String> {
    let names = faults.into_iter().map(|fault| fault.field.into_owned());
    names.collect()
}

fn parse(work_order: proto::WorkOrder) -> Result<NewWorkOrder, Vec<Violation>> {
    NewWorkOrder::parse(proto::CreateWorkOrderRequest {
        work_order: Some(work_order),
        ..Default::default()
    })
}

#[test]
fn a_new_work_order_reports_every_fault_at_once() {
    let faulty = proto::WorkOrder {
        unit: "units/1".into(),
        description: "a\0".into(),
        priority: 5,
        ..work_order("")
    };
    assert_eq!(
        fields(parse(faulty).unwrap_err()),
        [
            "work_order.unit",
            "work_order.title",
            "work_order.description",
            "work_order.priority"
        ]
    );
    for priority in [-1, 65_537, i32::MAX, i32::MIN] {
        let faulty = proto::WorkOrder {
            priority,
            ..work_order("Tap")
        };
        assert_eq!(fields(parse(faulty).unwrap_err()), ["work_order.priority"]);
    }
    let new = parse(proto::WorkOrder {
        description: "It drips.\n\tDay and night.".into(),
        ..work_order("Tap")
    });
    assert_eq!(new.unwrap().fields.priority, 2);
    let long = proto::WorkOrder {
        description: "ü".repeat(5001),
        ..work_order("Tap")
    };
    assert_eq!(fields(parse(long).unwrap_err()), ["work_order.description"]);
}

#[test]
fn steps_lead_on_or_are_refused() {
    use State::{Cancelled, Done, Open, Scheduled};
    let schedule = Step::Schedule(UNIX_EPOCH);
    for (step, from, expected) in [
        (schedule, Open, Ok(Scheduled)),
        (schedule, Scheduled, Ok(Scheduled)),
        (schedule, Done, Err("done")),
        (schedule, Cancelled, Err("cancelled")),
        (Step::Complete, Open, Err("open")),
        (Step::Complete, Scheduled, Ok(Done)),
        (Step::Complete, Done, Err("done")),
        (Step::Complete, Cancelled, Err("cancelled")),
        (Step::Cancel, Open, Ok(Cancelled)),
        (Step::Cancel, Scheduled, Ok(Cancelled)),
        (Step::Cancel, Done, Err("done")),
        (Step::Cancel, Cancelled, Err("cancelled")),
    ] {
        let led = step.from(from).map_err(|error| error.metadata());
        let expected = expected.map_err(|state| vec![("state".to_owned(), state.to_owned())]);
        assert_eq!(led, expected, "{step:?} from {from:?}");
    }
}

#[test]
fn every_state_is_stored_under_its_name() {
    for (name, stored) in State::WORDS {
        assert_eq!(name.to_lowercase(), *stored);
        assert_eq!(State::stored(stored).unwrap().as_str(), *stored);
    }
    assert_eq!(State::stored("OPEN"), None);
}

#[test]
fn a_time_is_in_the_future() {
    let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
    let read = |seconds: i64, nanos: i32| scheduled_time(Some(Timestamp { seconds, nanos }), now);
    let later = UNIX_EPOCH + Duration::from_secs(1_000_001);
    assert_eq!(read(1_000_001, 0), Ok(later));
    // The caller's clock may go a little slow.
    assert!(read(999_941, 0).is_ok());
    assert!(read(END_OF_TIME - 1, 999_999_999).is_ok());
    for (seconds, nanos) in [
        (999_940, 0),
        (0, 0),
        (-1, 0),
        (i64::MIN, 0),
        (i64::MAX, 0),
        (END_OF_TIME, 0),
        (1_000_001, -1),
        (1_000_001, 1_000_000_000),
    ] {
        let faults = read(seconds, nanos).unwrap_err();
        assert_eq!(faults[0].field, "scheduled_time", "{seconds} {nanos}");
    }
    assert!(scheduled_time(None, now).is_err());
}

#[test]
fn a_change_touches_only_what_the_mask_names() {
    let old = || WorkOrder {
        id: WorkOrderId(Uuid::from_u128(3)),
        unit: unit(),
        fields: Fields {
            title: "Tap".into(),
            description: "It drips".into(),
            priority: 1,
        },
        state: State::Open,
        scheduled: None,
        created: UNIX_EPOCH,
        updated: UNIX_EPOCH,
        revision: 1,
    };
    let change = |sent, paths: &[&str]| {
        let paths = paths.iter().map(ToString::to_string).collect();
        Change::parse(proto::UpdateWorkOrderRequest {
            work_order: Some(sent),
            update_mask: Some(FieldMask { paths }),
        })
    };
    // A priority that does not exist, and is not meant.
    let sent = proto::WorkOrder {
        priority: 9,
        ..work_order("Taps")
    };
    let new = change(sent.clone(), &["title", "unit"]).unwrap();
    let new = new.apply(old()).unwrap();
    assert_eq!(
        (new.title.as_str(), new.description.as_str(), new.priority),
        ("Taps", "It drips", 1)
    );
    let faults = change(sent, &["state", "priority"]).unwrap_err();
    assert_eq!(fields(faults), ["update_mask", "work_order.priority"]);
    let moved = proto::WorkOrder {
        unit: "properties/elsewhere".into(),
        ..work_order("Taps")
    };
    let faults = change(moved, &["*"]).unwrap().apply(old()).unwrap_err();
    assert_eq!(fields(faults), ["work_order.unit"]);
}
