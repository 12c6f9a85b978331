//! Filters mean what they say, orders hold, and pages lose and repeat nothing.

use std::{
    cmp::Ordering,
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering as Atomic},
    },
};

use resido_e2e::{
    client::{Call, Wire, calls},
    dice::Dice,
};
use resido_proto::{
    google::r#type::{Date, Money},
    housing::v1::{
        CreateLeaseRequest, CreatePropertyRequest, CreateUnitRequest, CreateWorkOrderRequest,
        DeletePropertyRequest, Lease, ListLeasesRequest, ListPropertiesRequest, ListUnitsRequest,
        ListWorkOrdersRequest, Property, ScheduleWorkOrderRequest, Unit, WorkOrder,
        work_order::{Priority, State},
    },
};
use serde_json::json;

use super::desk::{Desk, Housing, reason};

/// A part of a filter, and what it means.
type Atom<T> = (String, Box<dyn Fn(&T) -> bool>);

fn atom<T>(filter: impl Into<String>, means: impl Fn(&T) -> bool + 'static) -> Atom<T> {
    (filter.into(), Box::new(means))
}

/// Puts parts together at random, and returns the filter and what it picks.
fn compose<T>(dice: &Dice, atoms: &[Atom<T>], rows: &[T], depth: u64) -> (String, Vec<bool>) {
    let (first, second) = if depth == 0 || dice.below(3) == 0 {
        let (filter, means) = &atoms[usize::try_from(dice.below(atoms.len() as u64)).unwrap()];
        return (filter.clone(), rows.iter().map(means).collect());
    } else {
        (
            compose(dice, atoms, rows, depth - 1),
            compose(dice, atoms, rows, depth - 1),
        )
    };
    let both = |join: fn(bool, bool) -> bool| {
        let pairs = first.1.iter().zip(&second.1);
        pairs.map(|(one, two)| join(*one, *two)).collect()
    };
    match dice.below(3) {
        0 => (
            format!("({}) AND ({})", first.0, second.0),
            both(|a, b| a && b),
        ),
        1 => (
            format!("(({}) OR ({}))", first.0, second.0),
            both(|a, b| a || b),
        ),
        _ => (
            format!("({}) -({})", first.0, second.0),
            both(|a, b| a && !b),
        ),
    }
}

/// Compares what random filters pick with what they mean.
async fn hold<T>(
    dice: &Dice,
    rows: &[T],
    atoms: &[Atom<T>],
    name: fn(&T) -> &str,
    list: impl AsyncFn(String) -> Vec<T>,
) {
    let single = atoms.iter();
    let mut filters: Vec<_> = single
        .map(|(filter, means)| (filter.clone(), rows.iter().map(means).collect::<Vec<_>>()))
        .collect();
    filters.extend((0..40).map(|_| compose(dice, atoms, rows, 3)));
    for (filter, picked) in filters {
        let listed = list(filter.clone()).await;
        let listed: Vec<_> = listed.iter().map(name).collect();
        let picked = rows.iter().zip(picked).filter(|(_, picked)| *picked);
        let expected: Vec<_> = picked.map(|(row, _)| name(row)).collect();
        assert_eq!(listed, expected, "{filter}");
    }
}

async fn units(housing: &Housing, parent: &str, dice: &Dice) -> Vec<Unit> {
    let mut housing = housing.clone();
    let mut made = Vec::new();
    for number in 0..40 {
        let unit = Unit {
            display_name: format!("{}{number}", ["a", "B", "ä%_"][number % 3]),
            floor: i32::try_from(dice.below(6)).unwrap() - 2,
            area_sqm: f64::from(u32::try_from(dice.below(8)).unwrap()) * 12.5,
            ..Default::default()
        };
        let request = CreateUnitRequest {
            parent: parent.to_owned(),
            unit: Some(unit),
            ..Default::default()
        };
        made.push(housing.create_unit(request).await.unwrap().into_inner());
    }
    made
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_and_orders_of_units_hold() {
    let (desk, dice) = (Desk::new().await, Dice::new());
    let (housing, parent) = (desk.housing().await, desk.property().await);
    let rows = units(&housing, &parent, &dice).await;
    let middle = rows[20].create_time.unwrap();
    let atoms = [
        atom("floor = 1", |unit: &Unit| unit.floor == 1),
        atom("floor != 1", |unit: &Unit| unit.floor != 1),
        atom("floor >= -1", |unit: &Unit| unit.floor >= -1),
        atom("areaSqm > 37.5", |unit: &Unit| unit.area_sqm > 37.5),
        atom("area_sqm <= 12.5", |unit: &Unit| unit.area_sqm <= 12.5),
        atom("display_name = \"a*\"", |unit: &Unit| {
            unit.display_name.starts_with('a')
        }),
        atom("display_name = *1*", |unit: &Unit| {
            unit.display_name.contains('1')
        }),
        atom("displayName:b", |unit: &Unit| {
            unit.display_name.contains('B')
        }),
        atom("display_name:\"%_\"", |unit: &Unit| {
            unit.display_name.contains("%_")
        }),
        atom("display_name < b", |unit: &Unit| {
            unit.display_name.as_str() < "b"
        }),
        atom(format!("create_time > {middle}"), move |unit: &Unit| {
            let made = unit.create_time.unwrap();
            (made.seconds, made.nanos) > (middle.seconds, middle.nanos)
        }),
    ];
    let ask = async |filter: String, order_by: &str| {
        let request = ListUnitsRequest {
            parent: parent.clone(),
            page_size: 1000,
            filter,
            order_by: order_by.to_owned(),
            ..Default::default()
        };
        let listed = housing.clone().list_units(request).await;
        listed.unwrap().into_inner().units
    };
    let list = async |filter| ask(filter, "").await;
    hold(&dice, &rows, &atoms, |unit| &unit.name, list).await;
    let mut expected = rows.clone();
    // The id follows the direction of the last key.
    expected.sort_by(|one, two| {
        let (floor, area) = (
            two.floor.cmp(&one.floor),
            one.area_sqm.total_cmp(&two.area_sqm),
        );
        floor.then(area).then_with(|| one.name.cmp(&two.name))
    });
    let listed = ask(String::new(), "floor desc, area_sqm").await;
    assert_eq!(listed, expected);
    for (filter, order_by, field) in [
        ("flor = 1", "", "filter"),
        ("floor = one", "", "filter"),
        ("", "flor", "order_by"),
    ] {
        let request = ListUnitsRequest {
            parent: parent.clone(),
            filter: filter.to_owned(),
            order_by: order_by.to_owned(),
            ..Default::default()
        };
        let status = housing.clone().list_units(request).await.unwrap_err();
        assert_eq!(reason(&status), "REQUEST_INVALID", "{field}");
    }
}

async fn work_orders(housing: &Housing, places: &[String; 2], dice: &Dice) -> Vec<WorkOrder> {
    let mut housing = housing.clone();
    let mut rows = Vec::new();
    for number in 0..30_i64 {
        let work_order = WorkOrder {
            unit: places[usize::try_from(number % 2).unwrap()].clone(),
            title: format!("Tap {}", number % 7),
            priority: i32::try_from(dice.below(5)).unwrap(),
            ..Default::default()
        };
        let request = CreateWorkOrderRequest {
            work_order: Some(work_order),
            ..Default::default()
        };
        let mut made = housing
            .create_work_order(request)
            .await
            .unwrap()
            .into_inner();
        if dice.below(2) == 0 {
            let seconds = 7_000_000_000 + number % 5;
            let request = ScheduleWorkOrderRequest {
                name: made.name,
                scheduled_time: Some(prost_types::Timestamp { seconds, nanos: 0 }),
                ..Default::default()
            };
            made = housing
                .schedule_work_order(request)
                .await
                .unwrap()
                .into_inner();
        }
        rows.push(made);
    }
    rows
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_and_orders_of_work_orders_hold() {
    let (desk, dice) = (Desk::new().await, Dice::new());
    let housing = desk.housing().await;
    let places = [desk.unit().await, desk.unit().await];
    let rows = work_orders(&housing, &places, &dice).await;
    let place = places[1].clone();
    let moment = prost_types::Timestamp {
        seconds: 7_000_000_002,
        nanos: 0,
    };
    let time = |row: &WorkOrder| row.scheduled_time.map_or(i64::MAX, |time| time.seconds);
    let atoms = [
        atom("state = SCHEDULED", |row: &WorkOrder| {
            row.state() == State::Scheduled
        }),
        atom("NOT state:OPEN", |row: &WorkOrder| {
            row.state() != State::Open
        }),
        atom("priority = URGENT", |row: &WorkOrder| {
            row.priority() == Priority::Urgent
        }),
        atom("priority != NORMAL", |row: &WorkOrder| {
            row.priority() != Priority::Normal
        }),
        atom("title = \"Tap 3\"", |row: &WorkOrder| row.title == "Tap 3"),
        atom("scheduled_time:*", |row: &WorkOrder| {
            row.scheduled_time.is_some()
        }),
        atom(format!("scheduledTime < {moment}"), move |row| {
            time(row) < moment.seconds
        }),
        atom(format!("unit = \"{place}\""), move |row: &WorkOrder| {
            row.unit == place
        }),
    ];
    let ask = async |filter: String, order_by: &str| {
        let request = ListWorkOrdersRequest {
            page_size: 1000,
            filter,
            order_by: order_by.to_owned(),
            ..Default::default()
        };
        let listed = housing.clone().list_work_orders(request).await;
        listed.unwrap().into_inner().work_orders
    };
    let list = async |filter| ask(filter, "").await;
    hold(&dice, &rows, &atoms, |row| &row.name, list).await;
    let by_urgency = |one: &WorkOrder, two: &WorkOrder| -> Ordering {
        let priority = two.priority.cmp(&one.priority);
        let later = time(one).cmp(&time(two));
        priority.then(later).then_with(|| one.name.cmp(&two.name))
    };
    let mut expected = rows.clone();
    expected.sort_by(by_urgency);
    let listed = ask(String::new(), "priority desc, scheduled_time").await;
    assert_eq!(listed, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_and_orders_of_leases_hold() {
    let (desk, dice) = (Desk::new().await, Dice::new());
    let mut housing = desk.housing().await;
    let (unit, resident) = (desk.unit().await, desk.resident().await);
    let elsewhere = (desk.unit().await, desk.resident().await);
    let mut rows = Vec::new();
    let day = |year, month, day| Date { year, month, day };
    for number in 0..20 {
        let (unit, resident) = match number % 2 {
            0 => (&unit, &resident),
            _ => (&elsewhere.0, &elsewhere.1),
        };
        let year = 2000 + number;
        let last = i32::try_from(1 + dice.below(28)).unwrap();
        let lease = Lease {
            unit: unit.clone(),
            resident: resident.clone(),
            start_date: Some(day(year, 3, 1)),
            end_date: (number < 18).then(|| day(year + 1, 2, last)),
            monthly_rent: Some(Money {
                currency_code: "EUR".to_owned(),
                units: 1000,
                nanos: 0,
            }),
            ..Default::default()
        };
        let request = CreateLeaseRequest {
            lease: Some(lease),
            ..Default::default()
        };
        rows.push(housing.create_lease(request).await.unwrap().into_inner());
    }
    let key = |date: Option<Date>| date.map_or((9999, 0, 0), |d| (d.year, d.month, d.day));
    let name = unit.clone();
    let atoms = [
        atom("start_date >= 2010-03-01", move |row: &Lease| {
            key(row.start_date) >= (2010, 3, 1)
        }),
        atom("endDate < 2012-02-15", move |row: &Lease| {
            key(row.end_date) < (2012, 2, 15)
        }),
        atom("end_date > 2015-02-15", move |row: &Lease| {
            key(row.end_date) > (2015, 2, 15)
        }),
        atom("end_date:*", |row: &Lease| row.end_date.is_some()),
        atom("NOT end_date:*", |row: &Lease| row.end_date.is_none()),
        atom(format!("unit = \"{unit}\""), move |row: &Lease| {
            row.unit == name
        }),
        atom(format!("resident != \"{resident}\""), move |row: &Lease| {
            row.resident != resident
        }),
    ];
    let ask = async |filter: String, order_by: &str| {
        let request = ListLeasesRequest {
            page_size: 1000,
            filter,
            order_by: order_by.to_owned(),
            ..Default::default()
        };
        let listed = housing.clone().list_leases(request).await;
        listed.unwrap().into_inner().leases
    };
    let list = async |filter| ask(filter, "").await;
    hold(&dice, &rows, &atoms, |row| &row.name, list).await;
    let mut expected = rows.clone();
    expected.sort_by(|one, two| {
        let ends = key(two.end_date).cmp(&key(one.end_date));
        ends.then_with(|| two.name.cmp(&one.name))
    });
    assert_eq!(ask(String::new(), "end_date desc").await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_lose_and_repeat_nothing_while_rows_come_and_go() {
    let (desk, dice) = (Desk::new().await, Dice::new());
    let housing = desk.housing().await;
    let create = async |display_name: String| {
        let property = Property {
            display_name,
            ..Default::default()
        };
        let request = CreatePropertyRequest {
            property: Some(property),
            ..Default::default()
        };
        let made = housing.clone().create_property(request).await;
        made.unwrap().into_inner().name
    };
    let mut kept = BTreeSet::new();
    for _ in 0..60 {
        kept.insert(create(format!("k{}", dice.below(20))).await);
    }
    let over = Arc::new(AtomicBool::new(false));
    let writer = {
        let (over, mut housing) = (Arc::clone(&over), housing.clone());
        let seed = dice.seed();
        tokio::spawn(async move {
            let dice = Dice::seeded(seed);
            let mut rounds = 0;
            while !over.load(Atomic::Relaxed) {
                let property = Property {
                    display_name: format!("k{}", dice.below(20)),
                    ..Default::default()
                };
                let request = CreatePropertyRequest {
                    property: Some(property),
                    ..Default::default()
                };
                let made = housing.create_property(request).await.unwrap();
                if dice.below(3) > 0 {
                    let request = DeletePropertyRequest {
                        name: made.into_inner().name,
                        ..Default::default()
                    };
                    housing.delete_property(request).await.unwrap();
                }
                rounds += 1;
            }
            rounds
        })
    };
    for order_by in ["", "display_name desc", "display_name, create_time desc"] {
        let (mut seen, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = ListPropertiesRequest {
                page_size: 7,
                page_token,
                order_by: order_by.to_owned(),
                ..Default::default()
            };
            let page = housing.clone().list_properties(request).await.unwrap();
            let page = page.into_inner();
            seen.extend(page.properties.into_iter().map(|property| property.name));
            page_token = page.next_page_token;
            // Those that are added in order of creation never come to an end.
            if page_token.is_empty() || seen.len() > 1000 {
                break;
            }
        }
        let once: BTreeSet<_> = seen.iter().cloned().collect();
        assert_eq!(once.len(), seen.len(), "{order_by}");
        assert!(kept.is_subset(&once), "{order_by}");
    }
    over.store(true, Atomic::Relaxed);
    assert!(writer.await.unwrap() > 10, "nothing came and went");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_asked_for_alike_over_every_wire() {
    let desk = Desk::new().await;
    for number in 0..6 {
        let property = json!({"displayName": format!("k{}", number % 2)});
        desk.made(&calls::create_property(property)).await;
    }
    let call = Call {
        uri: "/v1/properties?filter=displayName%3Dk1&orderBy=createTime%20desc".to_owned(),
        message: json!({"filter": "displayName=k1", "orderBy": "createTime desc"}),
        ..calls::list_properties(5, "")
    };
    for wire in Wire::ALL {
        let listed = desk.done(wire, &call).await;
        let properties = listed["properties"].as_array().unwrap();
        let times: Vec<_> = properties
            .iter()
            .map(|row| row["createTime"].as_str())
            .collect();
        assert_eq!(times.len(), 3, "{wire:?}");
        assert!(times.is_sorted_by(|one, two| one > two), "{times:?}");
        assert!(properties.iter().all(|row| row["displayName"] == "k1"));
    }
}
