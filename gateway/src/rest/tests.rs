//! Streams over REST, against services that are functions.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, header};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use prost::Message as _;
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
    MethodDescriptorProto, ServiceDescriptorProto, field_descriptor_proto::Type,
};
use resido_observability::RequestId;
use resido_proto::{error::Failure as _, google::api::HttpBody};
use resido_transcode::{Api, HttpRule, JsonOptions, Route, Source};
use tokio::sync::{mpsc, oneshot};
use tonic::{Status, body::Body};
use tower::service_fn;

use super::{
    Rest,
    frames::{Messages, frame},
    raw_stream, server_stream, unary,
};
use crate::{
    call::Trail,
    catalog::Catalog,
    config::Limits,
    refusal::{Refusal, Stopped},
    render::Renderer,
    wire::{Reply, Request},
};

const LINES: &str = "application/x-ndjson";

/// A message with a text, and a method for each way of streaming.
fn descriptors() -> Vec<u8> {
    let mut set = FileDescriptorSet::decode(resido_proto::DESCRIPTOR_SET).unwrap();
    let text = FieldDescriptorProto {
        name: Some("text".to_owned()),
        number: Some(1),
        r#type: Some(Type::String.into()),
        ..FieldDescriptorProto::default()
    };
    let method = |name: &str, message: &str, down: bool| MethodDescriptorProto {
        name: Some(name.to_owned()),
        input_type: Some(message.to_owned()),
        output_type: Some(message.to_owned()),
        client_streaming: Some(true),
        server_streaming: Some(down),
        ..MethodDescriptorProto::default()
    };
    set.file.push(FileDescriptorProto {
        name: Some("t.proto".to_owned()),
        package: Some("t".to_owned()),
        dependency: vec!["google/api/httpbody.proto".to_owned()],
        syntax: Some("proto3".to_owned()),
        message_type: vec![DescriptorProto {
            name: Some("M".to_owned()),
            field: vec![text],
            ..DescriptorProto::default()
        }],
        service: vec![ServiceDescriptorProto {
            name: Some("S".to_owned()),
            method: vec![
                method("Up", ".t.M", false),
                method("Both", ".t.M", true),
                method("Raw", ".google.api.HttpBody", true),
            ],
            options: None,
        }],
        ..FileDescriptorProto::default()
    });
    set.encode_to_vec()
}

fn route(name: &str) -> Arc<Route> {
    let rules: Vec<_> = ["Up", "Both", "Raw"]
        .map(|name| HttpRule {
            selector: format!("t.S.{name}"),
            post: Some(format!("/{name}")),
            body: "*".to_owned(),
            ..HttpRule::default()
        })
        .into();
    let services = ["t.S".to_owned()];
    let api = Api::compile(&[Source {
        name: "t",
        descriptor_set: &descriptors(),
        services: Some(&services),
        json: JsonOptions::default(),
        rules: &rules,
    }]);
    let route = api.unwrap().route(&Method::POST, &format!("/{name}"));
    Arc::new(route.unwrap())
}

fn rest() -> Rest {
    Rest::new(&Limits::default())
}

fn trail() -> Arc<Trail> {
    let id = RequestId::accept(Some("r-1"));
    Arc::new(Trail::new(id, tracing::Span::none()))
}

fn notes() -> (Arc<Trail>, Renderer) {
    let catalog = Arc::new(Catalog::new(&[]).unwrap());
    (trail(), Renderer::new(catalog))
}

/// A request whose body is sent by hand.
fn request(kind: &'static str) -> (mpsc::UnboundedSender<&'static str>, Request) {
    let (sender, pieces) = mpsc::unbounded_channel();
    let frames = futures_util::stream::unfold(pieces, |mut pieces| async {
        let piece: &str = pieces.recv().await?;
        let frame = Frame::data(Bytes::from_static(piece.as_bytes()));
        Some((Ok::<_, Status>(frame), pieces))
    });
    let request = http::Request::post("/").header(header::CONTENT_TYPE, kind);
    let request = request.body(Body::new(StreamBody::new(frames)));
    (sender, request.unwrap())
}

/// A request whose body is there.
fn whole(kind: &'static str, body: &'static str) -> Request {
    let (sender, request) = request(kind);
    sender.send(body).unwrap();
    request
}

fn ended(code: &'static str) -> Frame<Bytes> {
    let code = http::HeaderValue::from_static(code);
    Frame::trailers(
        [("grpc-status".parse().unwrap(), code)]
            .into_iter()
            .collect(),
    )
}

/// A reply of these messages that ends with a code.
fn reply(messages: &[Vec<u8>], code: &'static str) -> Reply {
    let frames = messages
        .iter()
        .map(|message| Frame::data(frame(message).unwrap()));
    let frames = frames.chain([ended(code)]).map(Ok::<_, Status>);
    let frames: Vec<_> = frames.collect();
    Reply::new(Body::new(StreamBody::new(futures_util::stream::iter(
        frames,
    ))))
}

fn message(text: &str) -> Vec<u8> {
    [&[10, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
}

fn bytes(kind: &str, data: &[u8]) -> Vec<u8> {
    HttpBody {
        content_type: kind.to_owned(),
        data: data.to_vec(),
        extensions: Vec::new(),
    }
    .encode_to_vec()
}

/// The messages of a request, and how its body ended.
type Seen = mpsc::UnboundedReceiver<Result<Option<Bytes>, Status>>;

/// A service that reads on whatever becomes of its answer, as a connection does,
/// and tells each message and how the body ended.
fn reader() -> (Seen, impl FnOnce(Request)) {
    let (sender, seen) = mpsc::unbounded_channel();
    let read = move |request: Request| {
        let mut body = request.into_body();
        tokio::spawn(async move {
            loop {
                let next = match body.frame().await {
                    Some(Ok(frame)) => Ok(Some(frame.into_data().unwrap())),
                    Some(Err(status)) => Err(status),
                    None => Ok(None),
                };
                let over = !matches!(next, Ok(Some(_)));
                if sender.send(next).is_err() || over {
                    break;
                }
            }
        });
    };
    (seen, read)
}

/// Calls a service that reads the request and then gives an answer by hand.
macro_rules! answering {
    ($read:ident, $answer:ident) => {{
        let mut once = Some(($read, $answer));
        service_fn(move |request: Request| {
            let (read, answer) = once.take().unwrap();
            read(request);
            async move { answer.await.map_err(|_| Stopped::from(Refusal::Internal)) }
        })
    }};
}

fn refusal(stopped: Result<Reply, Stopped>) -> Refusal {
    match stopped {
        Err(Stopped::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn c11_each_message_goes_on_as_soon_as_it_is_there() {
    let (mut seen, read) = reader();
    let (answer, answered) = oneshot::channel();
    let (sender, request) = request(LINES);
    let call = unary(
        rest(),
        answering!(read, answered),
        request,
        route("Up"),
        trail(),
    );
    let call = tokio::spawn(call);
    for text in ["a", "b"] {
        sender
            .send(["{\"text\":\"a\"}\n{\"te", "xt\":\"b\"}\n"][usize::from(text == "b")])
            .unwrap();
        let got = seen.recv().await.unwrap().unwrap().unwrap();
        assert_eq!(got, frame(&message(text)).unwrap());
    }
    drop(sender);
    assert!(
        seen.recv().await.unwrap().unwrap().is_none(),
        "it ends well"
    );
    answer.send(reply(&[message("c")], "0")).unwrap();
    let reply = call.await.unwrap().unwrap();
    let body = reply.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "{\"text\":\"c\"}");
}

#[tokio::test]
async fn c11_a_fault_ends_the_call_and_is_what_the_caller_learns() {
    let (mut seen, read) = reader();
    let (_answer, answered) = oneshot::channel();
    let request = whole("application/json", "[{},\n{\"texts\": 1}, {}]");
    let stopped = unary(
        rest(),
        answering!(read, answered),
        request,
        route("Up"),
        trail(),
    );
    let refusal = refusal(stopped.await);
    assert_eq!(
        (refusal.reason(), refusal.http_status().as_u16()),
        ("REQUEST_INVALID", 400)
    );
    let [violation] = refusal.violations() else {
        panic!("{refusal:?}");
    };
    assert_eq!(violation.field, "texts");
    assert_eq!(
        violation.description,
        "there is no such field (body, message 1, line 2, column 11)"
    );
    assert!(seen.recv().await.unwrap().unwrap().is_some());
    assert!(
        seen.recv().await.unwrap().is_err(),
        "the service takes it for whole"
    );
}

#[tokio::test]
async fn c11_a_fault_is_not_hidden_by_an_answer_to_it() {
    // As from a service in this process, which sees the body break off first.
    let service = service_fn(|request: Request| async {
        let code = if request.into_body().collect().await.is_err() {
            "1"
        } else {
            "0"
        };
        Ok(reply(&[message("a")], code))
    });
    let stopped = unary(rest(), service, whole(LINES, "{\n"), route("Up"), trail());
    assert_eq!(refusal(stopped.await).reason(), "REQUEST_INVALID");
}

#[tokio::test(start_paused = true)]
async fn c9_a_sender_may_pause_for_so_long() {
    for (kind, text) in [(LINES, "{}\n"), ("application/json", "[{}")] {
        let (_seen, read) = reader();
        let (_answer, answered) = oneshot::channel();
        let (sender, request) = request(kind);
        sender.send(text).unwrap();
        let stopped = unary(
            rest(),
            answering!(read, answered),
            request,
            route("Up"),
            trail(),
        );
        assert!(matches!(refusal(stopped.await), Refusal::BodyTimeout));
    }
}

#[tokio::test]
async fn c9_each_message_is_bounded_by_itself() {
    let limits = Limits {
        body_bytes: 10,
        ..Limits::default()
    };
    for (body, fits) in [("{}\n{}\n{}\n{}\n{}\n", true), ("{}\n{         }\n", false)] {
        let (_seen, read) = reader();
        let (answer, answered) = oneshot::channel();
        if fits {
            answer.send(reply(&[message("")], "0")).unwrap();
        }
        let service = answering!(read, answered);
        let done = unary(
            Rest::new(&limits),
            service,
            whole(LINES, body),
            route("Up"),
            trail(),
        );
        match done.await {
            Ok(_) => assert!(fits, "{body}"),
            Err(stopped) => {
                assert!(
                    matches!(refusal(Err(stopped)), Refusal::BodyTooLarge),
                    "{body}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a7_a_caller_who_leaves_ends_the_call() {
    let (mut seen, read) = reader();
    let (_answer, answered) = oneshot::channel();
    let (sender, request) = request(LINES);
    sender.send("{}\n").unwrap();
    let call = unary(
        rest(),
        answering!(read, answered),
        request,
        route("Up"),
        trail(),
    );
    let call = tokio::spawn(call);
    assert!(seen.recv().await.unwrap().unwrap().is_some());
    call.abort();
    let end = tokio::time::timeout(Duration::from_secs(5), seen.recv()).await;
    assert!(end.unwrap().unwrap().is_err(), "the service waits for more");
}

#[tokio::test]
async fn what_cannot_be_a_stream_never_reaches_the_service() {
    let service = || service_fn(|_: Request| async { panic!("it was called") });
    let call = |request| unary(rest(), service(), request, route("Up"), trail());
    for kind in ["text/plain", "application/json-seq"] {
        let refused = refusal(call(whole(kind, "{}")).await);
        assert!(matches!(refused, Refusal::MediaTypeUnsupported), "{kind}");
    }
    let mut encoded = whole(LINES, "{}");
    let gzip = http::HeaderValue::from_static("gzip");
    encoded.headers_mut().insert(header::CONTENT_ENCODING, gzip);
    assert!(matches!(
        refusal(call(encoded).await),
        Refusal::MediaTypeUnsupported
    ));
    let mut unknown = whole(LINES, "{}");
    *unknown.uri_mut() = http::Uri::from_static("/?a=1");
    assert_eq!(refusal(call(unknown).await).reason(), "REQUEST_INVALID");
}

#[tokio::test]
async fn a6_answers_come_before_the_last_question() {
    let (sender, request) = request(LINES);
    let service = service_fn(|request: Request| async { Ok(Reply::new(request.into_body())) });
    let call = server_stream(rest(), service, request, route("Both"), notes());
    sender.send("{\"text\":\"a\"}\n").unwrap();
    let mut body = call.await.unwrap().into_body();
    for answer in [
        "{\"text\":\"a\"}\n",
        "{\"text\":\"b\"}\n",
        "{\"text\":\"c\"}\n",
    ] {
        let frame = body.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), answer);
        if answer.contains("a\"}") {
            sender.send("{\"text\":\"b\"}\n{\"text\":\"c\"}").unwrap();
        } else if answer.contains("b\"}") {
            sender.send("\n").unwrap();
        }
    }
    // After the start, a fault stands in the stream, which breaks off.
    sender.send("{\n").unwrap();
    let frame = body.frame().await.unwrap().unwrap();
    let error = frame.into_data().unwrap();
    let error: serde_json::Value = serde_json::from_slice(&error).unwrap();
    assert_eq!(error["error"]["code"], 3, "{error}");
    assert!(body.frame().await.unwrap().is_err());
}

/// Downloads what a service sends: status or refusal, content type, body.
async fn download(messages: &[Vec<u8>], code: &'static str) -> Result<Reply, Stopped> {
    let mut answer = Some(reply(messages, code));
    let service = service_fn(move |_: Request| {
        let answer = answer.take().unwrap();
        async { Ok(answer) }
    });
    raw_stream(rest(), service, whole("a/b", "c"), route("Raw"), notes()).await
}

#[tokio::test]
async fn c12_bytes_come_as_they_are_under_the_first_content_type() {
    let pieces = [
        bytes("image/png", b""),
        bytes("text/html", b"\x89PNG"),
        bytes("", b""),
        bytes("", b"\xff"),
    ];
    let reply = download(&pieces, "0").await.unwrap();
    assert_eq!(reply.headers()[header::CONTENT_TYPE], "image/png");
    assert_eq!(reply.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    let body = reply.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, b"\x89PNG\xff".as_slice());
    let none = download(&[], "0").await.unwrap();
    assert_eq!(
        none.headers()[header::CONTENT_TYPE],
        "application/octet-stream"
    );
    assert!(
        none.into_body()
            .collect()
            .await
            .unwrap()
            .to_bytes()
            .is_empty()
    );
}

#[tokio::test]
async fn d5_an_error_before_the_first_byte_is_one_and_breaks_the_body_after_it() {
    let Err(Stopped::Answered(status)) = download(&[], "5").await else {
        panic!("the status is lost");
    };
    assert_eq!(status.code(), tonic::Code::NotFound);
    let mut body = download(&[bytes("a/b", b"c")], "5")
        .await
        .unwrap()
        .into_body();
    assert_eq!(
        body.frame().await.unwrap().unwrap().into_data().unwrap(),
        "c"
    );
    assert!(
        body.frame().await.unwrap().is_err(),
        "it is taken for whole"
    );
    for kind in ["a/b\r\nx-y: z", "\u{7f}"] {
        let refused = refusal(download(&[bytes(kind, b"c")], "0").await);
        assert!(matches!(refused, Refusal::UpstreamInvalid), "{kind:?}");
    }
}

#[tokio::test]
async fn c12_an_upload_is_cut_into_messages() {
    let (sender, request) = request("image/png");
    let service = service_fn(|request: Request| async { Ok(Reply::new(request.into_body())) });
    let (request, _told) = rest().bind(request, &route("Raw")).await.unwrap();
    let mut service = service;
    let body = tower::Service::call(&mut service, request).await;
    let body: Result<Reply, Stopped> = body;
    let mut messages = Messages::new(body.unwrap().into_body(), 1 << 20);
    for (piece, kind) in [("ab", "image/png"), ("c", "")] {
        sender.send(piece).unwrap();
        let message = messages.next().await.unwrap().unwrap();
        assert_eq!(message, bytes(kind, piece.as_bytes()), "{piece}");
    }
}
