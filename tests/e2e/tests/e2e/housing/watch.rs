//! A stream tells of every work order as it is in the end, and ends with its
//! tenant.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::future::join_all;
use http::Request;
use http_body_util::BodyExt as _;
use hyper_util::{client::legacy, rt::TokioExecutor};
use resido_e2e::{
    client::{Wire, calls},
    dice::Dice,
};
use resido_proto::housing::v1::{
    CancelWorkOrderRequest, CreateWorkOrderRequest, DeleteWorkOrderRequest, ListWorkOrdersRequest,
    ScheduleWorkOrderRequest, UpdateWorkOrderRequest, WatchWorkOrdersRequest,
    WatchWorkOrdersResponse, WorkOrder, watch_work_orders_response::Event,
};
use tokio::time::timeout;
use tonic::{Code, Status, Streaming};

use super::desk::{Desk, Housing, reason};

const PATIENCE: Duration = Duration::from_secs(20);

async fn watch(
    housing: &Housing,
    resume_token: &str,
) -> Result<Streaming<WatchWorkOrdersResponse>, Status> {
    let request = WatchWorkOrdersRequest {
        resume_token: resume_token.to_owned(),
    };
    let opened = housing.clone().watch_work_orders(request).await?;
    Ok(opened.into_inner())
}

/// Returns the next event and its token.
async fn next(stream: &mut Streaming<WatchWorkOrdersResponse>) -> Result<(Event, String), Status> {
    let next = timeout(PATIENCE, stream.message()).await.unwrap();
    let message = next?.unwrap();
    Ok((message.event.unwrap(), message.resume_token))
}

async fn create(housing: &Housing, unit: &str, title: &str) -> WorkOrder {
    let work_order = WorkOrder {
        unit: unit.to_owned(),
        title: title.to_owned(),
        ..Default::default()
    };
    let request = CreateWorkOrderRequest {
        work_order: Some(work_order),
        ..Default::default()
    };
    let made = housing.clone().create_work_order(request).await;
    made.unwrap().into_inner()
}

async fn delete(housing: &Housing, name: &str) {
    let request = DeleteWorkOrderRequest {
        name: name.to_owned(),
        ..Default::default()
    };
    housing.clone().delete_work_order(request).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_tells_what_comes_after_it_and_can_be_gone_on_with() {
    let desk = Desk::new().await;
    let (housing, unit) = (desk.housing().await, desk.unit().await);
    let before = create(&housing, &unit, "Before").await;
    let mut stream = watch(&housing, "").await.unwrap();
    let (first, begin) = next(&mut stream).await.unwrap();
    assert!(matches!(first, Event::Heartbeat(_)), "{first:?}");
    let made = create(&housing, &unit, "After").await;
    let (event, after) = next(&mut stream).await.unwrap();
    assert_eq!(event, Event::WorkOrder(made.clone()));
    delete(&housing, &before.name).await;
    let (event, _) = next(&mut stream).await.unwrap();
    assert_eq!(event, Event::Deleted(before.name.clone()));
    drop(stream);
    // From the beginning, and from between.
    for (token, expected) in [
        (
            &begin,
            vec![
                Event::WorkOrder(made.clone()),
                Event::Deleted(before.name.clone()),
            ],
        ),
        (&after, vec![Event::Deleted(before.name.clone())]),
    ] {
        let mut stream = watch(&housing, token).await.unwrap();
        next(&mut stream).await.unwrap();
        for expected in expected {
            assert_eq!(next(&mut stream).await.unwrap().0, expected);
        }
    }
    // Another tenant hears nothing of it.
    let other = Desk::new().await;
    let theirs = other.housing().await;
    let mut stream = watch(&theirs, "").await.unwrap();
    next(&mut stream).await.unwrap();
    create(&housing, &unit, "Ours").await;
    let unit = other.unit().await;
    let own = create(&theirs, &unit, "Theirs").await;
    assert_eq!(next(&mut stream).await.unwrap().0, Event::WorkOrder(own));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_this_process_is_told_at_once() {
    let desk = Desk::new().await;
    let (housing, unit) = (desk.housing().await, desk.unit().await);
    let mut stream = watch(&housing, "").await.unwrap();
    next(&mut stream).await.unwrap();
    let mut times = Vec::new();
    for number in 0..9 {
        let made = create(&housing, &unit, &format!("{number}")).await;
        let begin = tokio::time::Instant::now();
        let (event, _) = next(&mut stream).await.unwrap();
        times.push(begin.elapsed());
        assert_eq!(event, Event::WorkOrder(made));
    }
    times.sort();
    // Looking each second alone would take half of one.
    assert!(times[4] < Duration::from_millis(250), "{times:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_that_lead_nowhere_are_refused() {
    let desk = Desk::new().await;
    let housing = desk.housing().await;
    let token = |event: i64, age: Duration| {
        let at = (SystemTime::now() - age)
            .duration_since(UNIX_EPOCH)
            .unwrap();
        let bytes = [event.to_be_bytes(), at.as_secs().to_be_bytes()];
        URL_SAFE_NO_PAD.encode(bytes.concat())
    };
    let hours = |hours: u64| Duration::from_secs(hours * 3600);
    for (token, code, expected) in [
        ("x".to_owned(), Code::InvalidArgument, "REQUEST_INVALID"),
        (
            token(0, hours(25)),
            Code::OutOfRange,
            "RESUME_TOKEN_EXPIRED",
        ),
        // Behind everything there is: the database was restored.
        (
            token(1_000_000, hours(1)),
            Code::OutOfRange,
            "RESUME_TOKEN_EXPIRED",
        ),
    ] {
        let status = watch(&housing, &token).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (code, expected));
    }
    watch(&housing, &token(0, hours(23))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_has_so_many_streams_and_no_more() {
    let desk = Desk::new().await;
    let (housing, unit) = (desk.housing().await, desk.unit().await);
    let mut streams = Vec::new();
    for _ in 0..64 {
        let mut stream = watch(&housing, "").await.unwrap();
        next(&mut stream).await.unwrap();
        streams.push(stream);
    }
    let status = watch(&housing, "").await.unwrap_err();
    assert_eq!(reason(&status), "WATCH_BUSY");
    // All of them hear, and the tenant's own calls go on meanwhile.
    let made = create(&housing, &unit, "Loud").await;
    for stream in &mut streams {
        assert_eq!(
            next(stream).await.unwrap().0,
            Event::WorkOrder(made.clone())
        );
    }
    drop(streams);
    let free = resido_e2e::wait::until(PATIENCE, || async { watch(&housing, "").await.is_ok() });
    assert!(free.await, "places are not given back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_ends_when_its_tenant_is_suspended() {
    let desk = Desk::new().await;
    let housing = desk.housing().await;
    let mut stream = watch(&housing, "").await.unwrap();
    next(&mut stream).await.unwrap();
    let operator = desk.product.operator_client(Wire::Rest).await.unwrap();
    let suspend = calls::suspend_tenant(&desk.owner.tenant);
    operator.call(&suspend).await.unwrap().message().unwrap();
    let end = loop {
        match next(&mut stream).await {
            Ok((Event::Heartbeat(_), _)) => {}
            Ok(event) => panic!("{event:?}"),
            Err(status) => break status,
        }
    };
    let reason = reason(&end);
    assert!(
        ["TENANT_CHANGED", "TENANT_MAINTENANCE", "TENANT_SUSPENDED"].contains(&reason.as_str()),
        "{end:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_runs_over_rest_and_grpc_web() {
    let desk = Desk::new().await;
    let (housing, unit) = (desk.housing().await, desk.unit().await);
    let client = legacy::Client::builder(TokioExecutor::new()).build_http();
    let gateway = desk.product.gateway;
    for (wire, method, uri, kind) in [
        (
            "REST",
            "GET",
            "/v1/work-orders:watch",
            "application/x-ndjson",
        ),
        (
            "gRPC-Web",
            "POST",
            "/resido.housing.v1.HousingService/WatchWorkOrders",
            "application/grpc-web+proto",
        ),
    ] {
        let body = if method == "POST" {
            &[0_u8; 5][..]
        } else {
            &[]
        };
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://{gateway}{uri}"))
            .header("authorization", format!("Bearer {}", desk.owner.token))
            .header("accept", kind);
        if method == "POST" {
            request = request.header("content-type", kind);
        }
        let body = http_body_util::Full::new(bytes::Bytes::copy_from_slice(body));
        let response = client.request(request.body(body).unwrap()).await.unwrap();
        assert_eq!(response.status(), 200, "{wire}");
        let mut body = response.into_body();
        let first = timeout(PATIENCE, body.frame()).await.unwrap();
        assert!(first.is_some(), "{wire}");
        let title = format!("Tap over {wire}");
        create(&housing, &unit, &title).await;
        let mut seen = String::new();
        while !seen.contains(&title) {
            let frame = timeout(PATIENCE, body.frame()).await.unwrap();
            let data = frame.unwrap().unwrap().into_data().unwrap();
            seen.push_str(&String::from_utf8_lossy(&data));
        }
    }
}

/// Makes random changes; calls that another writer was faster with are refused.
async fn write(housing: Housing, unit: String, seed: u64) {
    let dice = Dice::seeded(seed);
    let mut own: Vec<String> = Vec::new();
    for change in 0..25 {
        let name = match own.len() {
            0 => None,
            len => own
                .get(usize::try_from(dice.below(len as u64)).unwrap())
                .cloned(),
        };
        let mut housing = housing.clone();
        let Some(name) = name.filter(|_| dice.below(3) > 0) else {
            own.push(create(&housing, &unit, &format!("{change}")).await.name);
            continue;
        };
        let refused = match dice.below(4) {
            0 => {
                let request = UpdateWorkOrderRequest {
                    work_order: Some(WorkOrder {
                        name,
                        title: format!("changed {change}"),
                        ..Default::default()
                    }),
                    update_mask: Some(prost_types::FieldMask {
                        paths: vec!["title".to_owned()],
                    }),
                };
                housing.update_work_order(request).await.err()
            }
            1 => {
                let request = ScheduleWorkOrderRequest {
                    name,
                    scheduled_time: Some(prost_types::Timestamp {
                        seconds: 7_000_000_000 + change,
                        nanos: 0,
                    }),
                    ..Default::default()
                };
                housing.schedule_work_order(request).await.err()
            }
            2 => {
                let request = CancelWorkOrderRequest {
                    name,
                    ..Default::default()
                };
                housing.cancel_work_order(request).await.err()
            }
            _ => {
                delete(&housing, &name).await;
                own.retain(|own| *own != name);
                None
            }
        };
        if let Some(status) = refused {
            assert_eq!(reason(&status), "WORK_ORDER_STATE", "{status:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_who_comes_and_goes_sees_every_last_state() {
    let (desk, dice) = (Desk::new().await, Dice::new());
    let (housing, unit) = (desk.housing().await, desk.unit().await);
    let mut stream = watch(&housing, "").await.unwrap();
    let (_, mut token) = next(&mut stream).await.unwrap();
    drop(stream);
    let writers = (0..8).map(|number| {
        let seed = dice.seed().wrapping_add(number);
        tokio::spawn(write(housing.clone(), unit.clone(), seed))
    });
    let writers: Vec<_> = writers.collect();
    let mut seen: BTreeMap<String, WorkOrder> = BTreeMap::new();
    let follow = async |token: &mut String, seen: &mut BTreeMap<String, WorkOrder>, events: u64| {
        let mut stream = watch(&housing, token).await.unwrap();
        for _ in 0..events {
            let Ok(next) = timeout(Duration::from_millis(300), next(&mut stream)).await else {
                break;
            };
            let (event, place) = next.unwrap();
            match event {
                Event::WorkOrder(work_order) => {
                    seen.insert(work_order.name.clone(), work_order);
                }
                Event::Deleted(name) => drop(seen.remove(&name)),
                Event::Heartbeat(_) => {}
            }
            *token = place;
        }
    };
    while !writers.iter().all(tokio::task::JoinHandle::is_finished) {
        follow(&mut token, &mut seen, 1 + dice.below(12)).await;
    }
    for end in join_all(writers).await {
        end.unwrap();
    }
    follow(&mut token, &mut seen, 1000).await;
    let list = ListWorkOrdersRequest {
        page_size: 1000,
        ..Default::default()
    };
    let listed = housing.clone().list_work_orders(list).await;
    let listed = listed.unwrap().into_inner().work_orders;
    assert!(listed.len() > 20, "{}", listed.len());
    let listed: BTreeMap<_, _> = listed
        .into_iter()
        .map(|row| (row.name.clone(), row))
        .collect();
    assert_eq!(seen, listed, "seed {}", dice.seed());
}
