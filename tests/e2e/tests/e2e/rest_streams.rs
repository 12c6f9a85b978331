//! Every kind of stream, and raw bytes, work over REST as over gRPC: at once in
//! both directions, in bounded memory, and to the end or not at all.

use std::{
    convert::Infallible,
    net::SocketAddr,
    path::PathBuf,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::BoxBody};
use hyper::{
    body::{Frame, Incoming},
    server::conn::http2,
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use resido::Settings;
use resido_e2e::{
    client::{
        Refusal,
        raw::{self, Raw, Version},
    },
    cluster,
    mirror::Mirror,
    product::Product,
    scratch, wait,
};
use resido_gateway::UpstreamConfig;
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
};
use tokio_stream::wrappers::ReceiverStream;

const PROTO: &str = r#"
syntax = "proto3";
package streams.v1;
import "google/api/annotations.proto";
import "google/api/httpbody.proto";
import "resido/options/v1/options.proto";
message Text { string text = 1; string parent = 2; }
message Upload { string name = 1; google.api.HttpBody file = 2; string note = 3; }
// Answered by a mirror.
service Mirrored {
  rpc Both(stream Text) returns (stream Text) {
    option (google.api.http) = { post: "/v1/both" body: "*" };
    option (resido.options.v1.policy) = { access: ACCESS_ANONYMOUS };
  }
  rpc Exchange(stream Upload) returns (stream Upload) {
    option (google.api.http) = { post: "/v1/{name=files/*}:exchange" body: "file" response_body: "file" };
    option (resido.options.v1.policy) = { access: ACCESS_ANONYMOUS };
  }
  rpc Store(Upload) returns (Upload) {
    option (google.api.http) = {
      post: "/v1/{name=files/*}:store" body: "file" response_body: "file"
      additional_bindings { post: "/v1/{name=files/*}:show" body: "file" }
    };
    option (resido.options.v1.policy) = { access: ACCESS_ANONYMOUS };
  }
}
// Answered by what counts.
service Counted {
  rpc Count(stream Text) returns (Text) {
    option (google.api.http) = { post: "/v1/{parent=rooms/*}:count" body: "*" };
    option (resido.options.v1.policy) = { access: ACCESS_ANONYMOUS };
  }
  rpc Break(Text) returns (stream google.api.HttpBody) {
    option (google.api.http) = { get: "/v1/break" };
    option (resido.options.v1.policy) = { access: ACCESS_ANONYMOUS };
  }
  rpc Miss(Text) returns (stream google.api.HttpBody) {
    option (google.api.http) = { get: "/v1/miss" };
    option (resido.options.v1.policy) = { access: ACCESS_ANONYMOUS };
  }
}
"#;

const LINES: &str = "application/x-ndjson";
const BOTH_VERSIONS: [Version; 2] = [Version::One, Version::Two];

fn descriptors() -> PathBuf {
    let folder = scratch::folder("streams").unwrap();
    std::fs::write(folder.join("streams.proto"), PROTO).unwrap();
    let protos = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    let mut compiler = protox::Compiler::new([folder.clone(), protos]).unwrap();
    compiler
        .include_imports(true)
        .open_file("streams.proto")
        .unwrap();
    let file = folder.join("streams.binpb");
    std::fs::write(&file, compiler.encode_file_descriptor_set()).unwrap();
    file
}

fn framed(message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).unwrap();
    [&[0], length.to_be_bytes().as_slice(), message]
        .concat()
        .into()
}

/// Counts the messages in the bytes of a gRPC body.
fn count(mut bytes: &[u8]) -> usize {
    let mut messages = 0;
    while let Some((prefix, rest)) = bytes.split_first_chunk::<5>() {
        let length = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]);
        bytes = &rest[usize::try_from(length).unwrap()..];
        messages += 1;
    }
    assert!(bytes.is_empty(), "the last message is cut off");
    messages
}

type Answer = Response<BoxBody<Bytes, Infallible>>;

/// An answer of one message, if there is any, and a code.
fn answer(message: Option<&[u8]>, code: &'static str) -> Answer {
    let status = http::HeaderValue::from_static(code);
    let trailers: HeaderMap = [(http::HeaderName::from_static("grpc-status"), status)]
        .into_iter()
        .collect();
    let body = Full::new(message.map(framed).unwrap_or_default());
    let body = body.with_trailers(async { Some(Ok(trailers)) });
    let answer = Response::builder().header("content-type", "application/grpc");
    answer.body(body.boxed()).unwrap()
}

/// Serves `Counted`; tells how many calls have come whole.
async fn counter() -> (SocketAddr, watch::Receiver<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, whole) = watch::channel(0);
    let serve = async move |request: Request<Incoming>| {
        let method = request.uri().path().rsplit('/').next().unwrap().to_owned();
        let Ok(body) = request.into_body().collect().await else {
            return Ok::<_, Infallible>(answer(None, "1"));
        };
        sender.send_modify(|whole| *whole += 1);
        Ok(match method.as_str() {
            "Count" => {
                let text = count(&body.to_bytes()).to_string();
                let length = u8::try_from(text.len()).unwrap();
                answer(Some(&[&[10, length], text.as_bytes()].concat()), "0")
            }
            "Break" => answer(Some(b"\x0a\x03a/b\x12\x05first"), "13"),
            _ => answer(None, "5"),
        })
    };
    let serve = std::sync::Arc::new(serve);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let serve = std::sync::Arc::clone(&serve);
            let service = service_fn(move |request| {
                let serve = std::sync::Arc::clone(&serve);
                async move { serve(request).await }
            });
            tokio::spawn(
                http2::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(socket), service),
            );
        }
    });
    (address, whole)
}

struct World {
    mirror: Mirror,
    whole: watch::Receiver<usize>,
    product: Product,
}

async fn start() -> World {
    let mirror = Mirror::start().await.unwrap();
    let (counter, whole) = counter().await;
    let set = descriptors();
    let upstream = |name: &str, address: SocketAddr, service: &str| UpstreamConfig {
        name: name.to_owned(),
        endpoints: vec![format!("http://{address}")],
        descriptor_set: Some(set.clone()),
        services: Some(vec![format!("streams.v1.{service}")]),
        default_access: resido_gateway::Access::default(),
        json: Default::default(),
        methods: Vec::new(),
        http_rules: Vec::new(),
    };
    let mut settings = Settings::default();
    settings.gateway.upstreams = vec![
        upstream("mirrored", mirror.address, "Mirrored"),
        upstream("counted", counter, "Counted"),
    ];
    let cluster = cluster::shared().await.unwrap();
    let product = Product::start(cluster, settings).await.unwrap();
    World {
        mirror,
        whole,
        product,
    }
}

impl World {
    async fn post(&self, version: Version, path: &str, kind: &str, body: impl Into<Bytes>) -> Raw {
        let mut request = Request::post(path);
        if !kind.is_empty() {
            request = request.header("content-type", kind);
        }
        let request = request.body(body).unwrap();
        raw::send(self.product.gateway, version, request)
            .await
            .unwrap()
    }

    /// Opens a call whose body is sent piece by piece.
    async fn open(&self, version: Version, path: &str, kind: &str) -> (Pieces, Opening) {
        let address = self.product.gateway;
        let (pieces, frames) = mpsc::channel::<Result<Frame<Bytes>, Infallible>>(4);
        let body = StreamBody::new(ReceiverStream::new(frames));
        let request = Request::post(format!("http://{address}{path}"))
            .header("host", address.to_string())
            .header("content-type", kind)
            .body(body)
            .unwrap();
        let socket = TokioIo::new(TcpStream::connect(address).await.unwrap());
        let reply = match version {
            Version::One => {
                let shaken = hyper::client::conn::http1::handshake(socket).await;
                let (mut send, connection) = shaken.unwrap();
                tokio::spawn(connection);
                tokio::spawn(async move { send.send_request(request).await.map_err(Into::into) })
            }
            Version::Two => {
                let executor = TokioExecutor::new();
                let shaken = hyper::client::conn::http2::handshake(executor, socket).await;
                let (mut send, connection) = shaken.unwrap();
                tokio::spawn(connection);
                tokio::spawn(async move { send.send_request(request).await.map_err(Into::into) })
            }
        };
        (pieces, reply)
    }
}

type Pieces = mpsc::Sender<Result<Frame<Bytes>, Infallible>>;
type Opening = tokio::task::JoinHandle<anyhow::Result<Response<Incoming>>>;

async fn send(pieces: &Pieces, bytes: impl Into<Bytes>) {
    pieces.send(Ok(Frame::data(bytes.into()))).await.unwrap();
}

async fn receive(body: &mut Incoming) -> Bytes {
    let frame = body.frame().await.unwrap().unwrap();
    frame.into_data().unwrap()
}

fn json_of(raw: &Raw) -> Value {
    serde_json::from_slice(&raw.body).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c11_lines_and_arrays_reach_the_service_message_by_message() {
    let world = start().await;
    let text = "x".repeat(1000);
    // More than a body may have that is one message.
    let element = json!({"text": text}).to_string();
    let elements = vec![element; 6000];
    for version in BOTH_VERSIONS {
        for (kind, body) in [
            (LINES, elements.join("\n")),
            ("application/json", format!("[{}]", elements.join(",\n"))),
        ] {
            let raw = world.post(version, "/v1/rooms/1:count", kind, body).await;
            assert_eq!(raw.status, 200, "{raw:?}");
            assert_eq!(json_of(&raw), json!({"text": "6000", "parent": ""}));
        }
        // The path alone makes a message.
        for (kind, body) in [("", ""), ("application/json", "[]")] {
            let raw = world.post(version, "/v1/rooms/1:count", kind, body).await;
            assert_eq!(json_of(&raw)["text"], "1", "{body}");
        }
    }
    world.product.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c11_a_faulty_message_ends_the_call_with_its_place() {
    let world = start().await;
    for version in BOTH_VERSIONS {
        for (body, field, place) in [
            (
                "{}\n\n{\"texts\": 1}\n",
                "texts",
                "message 1, line 3, column 11",
            ),
            (
                "{}\n{\"parent\": \"rooms/2\"}\n",
                "parent",
                "path, message 1",
            ),
        ] {
            // The sender goes on and on: it hears of the fault all the same.
            let body = format!("{body}{}", "{}\n".repeat(100_000));
            let raw = world.post(version, "/v1/rooms/1:count", LINES, body).await;
            let refusal = Refusal(json_of(&raw));
            assert_eq!(
                (raw.status.as_u16(), refusal.reason()),
                (400, "REQUEST_INVALID")
            );
            assert_eq!(refusal.fields(), [field]);
            let text = refusal.0.to_string();
            assert!(text.contains(place), "{text}");
        }
    }
    assert_eq!(*world.whole.borrow(), 0, "a service took a call for whole");
    world.product.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a6_both_directions_flow_at_once_over_rest() {
    let world = start().await;
    for version in BOTH_VERSIONS {
        let (pieces, reply) = world.open(version, "/v1/both", LINES).await;
        send(&pieces, "{\"text\":\"first\"}\n").await;
        let reply = reply.await.unwrap().unwrap();
        assert_eq!(reply.status(), StatusCode::OK);
        assert_eq!(reply.headers()["content-type"], LINES);
        let mut body = reply.into_body();
        let line = |text: &str| format!("{{\"text\":\"{text}\",\"parent\":\"\"}}\n");
        assert_eq!(receive(&mut body).await, line("first"), "{version:?}");
        for number in 0..50 {
            let text = number.to_string();
            send(&pieces, format!("{{\"text\":\"{text}\"}}\n")).await;
            assert_eq!(receive(&mut body).await, line(&text));
        }
        drop(pieces);
        let rest = body.collect().await.unwrap().to_bytes();
        assert!(rest.is_empty(), "{version:?} {rest:?}");
    }
    world.product.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a6_a_reader_that_pauses_holds_a_rest_writer_back() {
    let world = start().await;
    for version in BOTH_VERSIONS {
        let (pieces, _reply) = world.open(version, "/v1/both", LINES).await;
        let line = format!("{}\n", json!({"text": "x".repeat(64 << 10)}));
        let mut sent = 0_usize;
        // Nothing is read, so what is taken in is what the way there can hold.
        let push = async || {
            let push = send(&pieces, line.clone());
            tokio::time::timeout(Duration::from_millis(300), push).await
        };
        while push().await.is_ok() {
            sent += line.len();
            assert!(sent < 24 << 20, "the gateway takes in whatever is sent");
        }
        assert!(sent > 0, "{version:?}");
    }
    world.product.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a7_a_rest_callers_reset_reaches_the_service() {
    let world = start().await;
    for version in BOTH_VERSIONS {
        let (pieces, reply) = world.open(version, "/v1/both", LINES).await;
        send(&pieces, "{}\n").await;
        let mut body = reply.await.unwrap().unwrap().into_body();
        receive(&mut body).await;
        assert_eq!(world.mirror.open(), 1);
        let started = Instant::now();
        drop((pieces, body));
        let ended = wait::until(Duration::from_secs(2), || async {
            world.mirror.open() == 0
        });
        assert!(ended.await, "the call goes on at the service");
        let took = started.elapsed();
        assert!(took < Duration::from_millis(500), "{version:?} {took:?}");
    }
    world.product.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d5_a_fault_after_the_first_answer_stands_in_the_stream() {
    let world = start().await;
    for version in BOTH_VERSIONS {
        let (pieces, reply) = world.open(version, "/v1/both", LINES).await;
        send(&pieces, "{}\n").await;
        let mut body = reply.await.unwrap().unwrap().into_body();
        receive(&mut body).await;
        send(&pieces, "{\"text\": 1}\n").await;
        let error: Value = serde_json::from_slice(&receive(&mut body).await).unwrap();
        assert_eq!(error["error"]["code"], 3, "{error}");
        assert!(body.frame().await.unwrap().is_err(), "it looks whole");
        let ended = wait::until(Duration::from_secs(2), || async {
            world.mirror.open() == 0
        });
        assert!(ended.await, "the call goes on at the service");
    }
    world.product.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c12_raw_bytes_pass_as_they_are_with_siblings_beside() {
    let world = start().await;
    let bytes: Vec<u8> = (0..300_000_u32)
        .map(|at| u8::try_from(at % 251).unwrap())
        .collect();
    for version in BOTH_VERSIONS {
        for kind in [
            "image/png",
            "application/x-www-form-urlencoded",
            LINES,
            "text/html; charset=latin1",
            "",
        ] {
            let kept = if kind.is_empty() {
                "application/octet-stream"
            } else {
                kind
            };
            for path in ["/v1/files/a:store?note=n", "/v1/files/a:exchange?note=n"] {
                let raw = world.post(version, path, kind, bytes.clone()).await;
                assert_eq!(raw.status, 200, "{path} {raw:?}");
                assert_eq!(raw.headers["content-type"], kept, "{path}");
                assert_eq!(raw.headers["x-content-type-options"], "nosniff", "{path}");
                assert!(raw.body == bytes, "{path} {kind}: the bytes are others");
            }
        }
        let raw = world
            .post(version, "/v1/files/a:show?note=n", "a/b", "\u{1}")
            .await;
        let file = json!({"contentType": "a/b", "data": "AQ==", "extensions": []});
        assert_eq!(
            json_of(&raw),
            json!({"name": "files/a", "file": file, "note": "n"})
        );
        for query in ["name=files/b", "file.data=AA", "absent=1"] {
            for method in ["store", "exchange"] {
                let path = format!("/v1/files/a:{method}?{query}");
                let raw = world.post(version, &path, "a/b", "x").await;
                assert_eq!(raw.status, 400, "{path}");
            }
        }
    }
    world.product.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d5_a_download_that_breaks_off_does_not_look_whole() {
    let world = start().await;
    for version in BOTH_VERSIONS {
        let get = |path: &str| {
            let request = Request::get(path).body("").unwrap();
            raw::send(world.product.gateway, version, request)
        };
        let missing = get("/v1/miss").await.unwrap();
        assert_eq!(missing.status, 404, "{missing:?}");
        assert_eq!(json_of(&missing)["code"], 5);
        assert!(get("/v1/break").await.is_err(), "{version:?}");
    }
    world.product.stop().await.unwrap();
}
