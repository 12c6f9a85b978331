//! gRPC passes the gateway as it is, in both directions at once.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Request};
use resido::Settings;
use resido_e2e::{client::Stream, cluster, mirror::Mirror, product::Product, wait};

async fn start() -> (Mirror, Product) {
    let mirror = Mirror::start().await.unwrap();
    let mut settings = Settings::default();
    settings.gateway.upstreams.push(mirror.upstream().unwrap());
    let cluster = cluster::shared().await.unwrap();
    (mirror, Product::start(cluster, settings).await.unwrap())
}

fn request(method: &str) -> http::request::Builder {
    Request::post(format!("/resido.e2e.v1.EchoService/{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
}

fn frame(flags: u8, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap();
    [&[flags], length.to_be_bytes().as_slice(), message].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a5_bytes_metadata_and_trailers_are_not_touched() {
    let (mirror, product) = start().await;
    // No message of any schema, compressed in a way that nobody knows.
    let odd = [
        frame(1, b"\xff\xfe\x00 not a message"),
        frame(0, &[0; 70_000]),
    ]
    .concat();
    for (method, kind) in [
        ("Echo", "application/grpc"),
        ("Echo", "application/grpc+json"),
        ("Down", "application/grpc+proto"),
        ("Up", "application/grpc"),
        ("Both", "application/grpc"),
    ] {
        let mut request = Request::post(format!("/resido.e2e.v1.EchoService/{method}"))
            .header("content-type", kind)
            .header("te", "trailers")
            .header("grpc-encoding", "x-odd");
        for (name, value) in [
            ("x-mirror-header-a", "1"),
            ("x-mirror-header-a", "2"),
            ("x-mirror-header-bin", "AAH/"),
            ("x-mirror-trailer-a", "3"),
            ("x-mirror-trailer-a", "4"),
            ("x-mirror-trailer-bin", "//8"),
        ] {
            request = request.header(name, value);
        }
        let request = request.body(()).unwrap();
        let stream = Stream::open(product.gateway, request, &odd).await.unwrap();
        let headers = stream.headers.clone();
        let end = stream.finish().await.unwrap();
        assert!(end.bytes == odd, "{method} changed its bytes");
        let values = |headers: &HeaderMap, name| -> Vec<String> {
            let values = headers.get_all(name).iter();
            values
                .map(|value| value.to_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(values(&headers, "x-mirror-header-a"), ["1", "2"]);
        assert_eq!(values(&headers, "x-mirror-header-bin"), ["AAH/"]);
        assert_eq!(values(&headers, "content-type"), [kind]);
        assert_eq!(values(&headers, "grpc-encoding"), ["x-odd"]);
        assert_eq!(values(&end.trailers, "x-mirror-trailer-a"), ["3", "4"]);
        assert_eq!(values(&end.trailers, "x-mirror-trailer-bin"), ["//8"]);
        assert_eq!(values(&end.trailers, "grpc-status"), ["0"]);
        let seen = mirror.take().pop().unwrap();
        assert_eq!(seen.path, format!("/resido.e2e.v1.EchoService/{method}"));
        assert_eq!(values(&seen.headers, "content-type"), [kind]);
    }
    product.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a6_both_directions_flow_at_once() {
    let (_mirror, product) = start().await;
    let request = request("Both").body(()).unwrap();
    let mut stream = Stream::open(product.gateway, request, &frame(0, b"a"))
        .await
        .unwrap();
    assert_eq!(stream.receive().await.unwrap(), frame(0, b"a"));
    // Each answer comes before the next question is sent.
    for number in 0..50_u8 {
        stream.send(frame(0, &[number]).into()).await.unwrap();
        assert_eq!(stream.receive().await.unwrap(), frame(0, &[number]));
    }
    let end = stream.finish().await.unwrap();
    assert_eq!(
        (end.bytes.len(), &end.trailers["grpc-status"]),
        (0, &"0".parse().unwrap())
    );
    product.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a6_a_reader_that_pauses_holds_the_writer_back() {
    let (_mirror, product) = start().await;
    let request = request("Both").body(()).unwrap();
    let stream = Stream::open(product.gateway, request, &[]).await;
    let stream = match stream {
        Ok(stream) => stream,
        Err(error) => panic!("{error:#}"),
    };
    let block = Bytes::from(vec![0; 64 << 10]);
    let mut sent = 0_usize;
    // Nothing is read, so what is taken in is what the way there can hold.
    while tokio::time::timeout(Duration::from_millis(300), stream.send(block.clone()))
        .await
        .is_ok()
    {
        sent += block.len();
        assert!(sent < 16 << 20, "the gateway takes in whatever is sent");
    }
    assert!(sent > 0);
    drop(stream);
    product.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a7_a_callers_reset_reaches_the_service() {
    let (mirror, product) = start().await;
    let request = request("Both").body(()).unwrap();
    let mut stream = Stream::open(product.gateway, request, &frame(0, b"a"))
        .await
        .unwrap();
    stream.receive().await.unwrap();
    assert_eq!(mirror.open(), 1);
    let started = Instant::now();
    drop(stream);
    let ended = wait::until(Duration::from_secs(2), || async { mirror.open() == 0 });
    assert!(ended.await, "the call goes on at the service");
    let took = started.elapsed();
    assert!(took < Duration::from_millis(500), "{took:?}");
    product.stop().await.unwrap();
}
