//! No call takes longer than its caller allows, anywhere on its way.

use std::time::{Duration, Instant};

use http::{HeaderMap, Request};
use resido::Settings;
use resido_e2e::{
    client::{
        Refusal, Stream, Wire, calls,
        raw::{self, Version},
    },
    cluster, database,
    mirror::Mirror,
    product::{self, Product},
    wait,
};
use resido_tenancy::tenant::SchemaName;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn l2_a_call_that_waits_for_the_database_ends_with_its_deadline() {
    let product = product::shared().await.unwrap();
    let owner = product.owner().await.unwrap();
    let client = product.owner_client(&owner, Wire::Rest).unwrap();
    let create = calls::create_property(json!({"displayName": "x"}));
    client.call(&create).await.unwrap().message().unwrap();
    let id = owner.tenant.trim_start_matches("tenants/").parse().unwrap();
    let schema = SchemaName::of(id);
    let mut admin = database::connect(&product.admin_url).await.unwrap();
    let held = admin.transaction().await.unwrap();
    let lock = format!("lock table {}.properties", schema.quoted());
    held.execute(&lock, &[]).await.unwrap();
    let list = calls::list_properties(5, "");
    for (wire, header, value) in [
        (Wire::Rest, "x-request-timeout", "400ms"),
        // A gRPC client keeps its own clock: this header is the gateway's alone.
        (Wire::Grpc, "x-request-timeout", "400ms"),
        (Wire::Web, "grpc-timeout", "400m"),
    ] {
        let client = product.owner_client(&owner, wire).unwrap();
        let client = client.header(header, value).unwrap();
        let started = Instant::now();
        let reply = client.call(&list).await.unwrap();
        let took = started.elapsed();
        assert!(wire != Wire::Rest || reply.http == 504, "{reply:?}");
        let refusal = reply.refusal().unwrap();
        assert_eq!(refusal.code(), 4, "{wire:?} {refusal:?}");
        assert!(took > Duration::from_millis(250), "{wire:?} {took:?}");
        assert!(took < Duration::from_millis(1500), "{wire:?} {took:?}");
    }
    held.rollback().await.unwrap();
    let waiting = "select count(*) from pg_stat_activity
                    where datname = current_database() and wait_event_type = 'Lock'";
    let gone = wait::until(Duration::from_secs(2), || async {
        admin
            .query_one(waiting, &[])
            .await
            .unwrap()
            .get::<_, i64>(0)
            == 0
    });
    assert!(gone.await, "an abandoned statement still waits");
    client.call(&list).await.unwrap().message().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn l2_the_time_that_is_left_goes_along_and_an_expired_call_does_not() {
    let mirror = Mirror::start().await.unwrap();
    let mut settings = Settings::default();
    settings.gateway.upstreams.push(mirror.upstream().unwrap());
    let cluster = cluster::shared().await.unwrap();
    let product = Product::start(cluster, settings).await.unwrap();
    let send = async |value: &str| {
        let request = Request::get("/v1/echo/a").header("x-request-timeout", value);
        let request = request.body("").unwrap();
        raw::send(product.gateway, Version::One, request)
            .await
            .unwrap()
    };
    assert_eq!(send("2s").await.status, 200);
    let left = |headers: &HeaderMap| {
        let text = headers["grpc-timeout"].to_str().unwrap();
        resido_proto::deadline::parse_grpc(text).unwrap()
    };
    let seen = mirror.take().pop().unwrap();
    assert!(left(&seen.headers) <= Duration::from_secs(2), "{seen:?}");
    assert!(
        left(&seen.headers) > Duration::from_millis(1000),
        "{seen:?}"
    );
    // The method's own bound holds against a patient caller.
    assert_eq!(send("3600s").await.status, 200);
    let seen = mirror.take().pop().unwrap();
    assert!(left(&seen.headers) <= Duration::from_secs(15), "{seen:?}");
    for (value, status, reason) in [
        ("0s", 504, "DEADLINE_EXCEEDED"),
        ("soon", 400, "DEADLINE_INVALID"),
        ("-1s", 400, "DEADLINE_INVALID"),
        ("", 400, "DEADLINE_INVALID"),
    ] {
        let raw = send(value).await;
        let refusal = Refusal(serde_json::from_slice(&raw.body).unwrap());
        assert_eq!(
            (raw.status.as_u16(), refusal.reason()),
            (status, reason),
            "{value}"
        );
    }
    assert!(
        mirror.take().is_empty(),
        "an expired call reached the service"
    );
    // A stream that goes on and on ends when its caller said it should.
    let request = Request::post("/resido.e2e.v1.EchoService/Both")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("grpc-timeout", "300m")
        .body(())
        .unwrap();
    let first = [0, 0, 0, 0, 0];
    let mut stream = Stream::open(product.gateway, request, &first)
        .await
        .unwrap();
    assert_eq!(stream.receive().await.unwrap(), first.as_slice());
    let started = Instant::now();
    let end = stream.receive().await;
    assert!(end.is_err(), "{end:?}");
    assert!(started.elapsed() < Duration::from_secs(2));
    let closed = wait::until(Duration::from_secs(2), || async { mirror.open() == 0 });
    assert!(closed.await, "the service goes on");
    product.stop().await.unwrap();
}
