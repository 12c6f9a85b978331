//! The messages of a client stream are those that unary requests would make of
//! its elements (C11, C12).

use proptest::prelude::*;
use prost_reflect::DynamicMessage;
use resido_transcode::{FieldFault, RequestError, Route};

use super::shapes::{API, POOL, wire};

const LINES: &str = "application/x-ndjson";
const ARRAY: &str = "application/json";
const LIMIT: usize = 1 << 20;

fn route(path: &str) -> Route {
    API.route(&http::Method::POST, path).unwrap()
}

/// Makes the messages of a body that comes in pieces of these lengths in turn.
fn messages(
    route: &Route,
    query: Option<&str>,
    content_type: Option<&str>,
    body: &[u8],
    pieces: &[usize],
) -> Result<Vec<Vec<u8>>, RequestError> {
    let mut stream = route.requests(query, content_type, LIMIT)?;
    let mut messages = Vec::new();
    let (mut rest, mut lengths) = (body, pieces.iter().cycle());
    while !rest.is_empty() {
        let length = lengths.next().copied().unwrap_or(rest.len()).max(1);
        let (piece, after) = rest.split_at(length.min(rest.len()));
        rest = after;
        stream.push(piece);
        while let Some(message) = stream.next_message() {
            messages.push(message?);
        }
    }
    stream.finish();
    while let Some(message) = stream.next_message() {
        messages.push(message?);
    }
    Ok(messages)
}

/// The messages of a body in text format, however it is cut.
fn accepted(path: &str, content_type: &str, body: &str) -> Vec<String> {
    let (path, query) = match path.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (path, None),
    };
    let route = route(path);
    let method = route.method();
    let service = POOL.get_service_by_name(&method.service).unwrap();
    let descriptor = service.methods().find(|m| m.name() == method.name).unwrap();
    let shown = |pieces: &[usize]| {
        let kind = Some(content_type).filter(|kind| !kind.is_empty());
        let made = messages(&route, query, kind, body.as_bytes(), pieces);
        let made = made.unwrap_or_else(|error| panic!("{path} {body}: {error}"));
        made.iter()
            .map(|bytes| DynamicMessage::decode(descriptor.input(), &bytes[..]).unwrap())
            .map(|message| message.to_string())
            .collect::<Vec<_>>()
    };
    let whole = shown(&[]);
    for piece in 1..8 {
        assert_eq!(shown(&[piece]), whole, "{body} in pieces of {piece}");
    }
    whole
}

fn faults(path: &str, content_type: &str, body: &str) -> Vec<FieldFault> {
    match messages(&route(path), None, Some(content_type), body.as_bytes(), &[]) {
        Err(RequestError::Invalid(faults)) => faults,
        other => panic!("{body}: {other:?}"),
    }
}

#[test]
fn c11_path_and_query_bind_into_the_first_message_alone() {
    let path = "/v1/shelves/1/things:import?requestId=r";
    let expected = [
        "parent:\"shelves/1\",thing{text:\"a\"},request_id:\"r\"",
        "thing{text:\"b\"}",
        "thing{}",
    ];
    let lines = "{\"text\": \"a\"}\n\n{\"text\": \"b\"}\r\n{}";
    assert_eq!(accepted(path, LINES, lines), expected);
    let array = "[{\"text\": \"a\"}, {\"text\": \"b\"}, {}]";
    assert_eq!(accepted(path, ARRAY, array), expected);
    assert_eq!(
        accepted("/v1/shelves/1:collect", ARRAY, "[{},{\"text\":\"],\"}]"),
        ["name:\"shelves/1\"", "text:\"],\""]
    );
}

#[test]
fn c11_an_empty_body_sends_what_path_and_query_say_or_nothing() {
    for (kind, body) in [("", ""), (ARRAY, ""), (ARRAY, " [\n] "), (LINES, "\n \n")] {
        let none: [&str; 0] = [];
        assert_eq!(accepted("/v1/things:collect", kind, body), none, "{body:?}");
        assert_eq!(
            accepted("/v1/shelves/1/things:import", kind, body),
            ["parent:\"shelves/1\""],
            "{body:?}"
        );
    }
}

#[test]
fn c1_no_message_may_contradict_the_path() {
    let body = "[{}, {\"name\": \"shelves/1\"}, {\"text\": \"a\"}]";
    assert_eq!(
        accepted("/v1/shelves/1:collect", ARRAY, body),
        ["name:\"shelves/1\"", "name:\"shelves/1\"", "text:\"a\""]
    );
    for (path, body) in [
        ("/v1/shelves/1:collect", "{}\n{\"name\": \"shelves/2\"}"),
        ("/v1/things/1:import", "{}\n{\"name\": \"things/2\"}"),
        ("/v1/things/1:import", "{}\n{\"name\": \"\"}"),
    ] {
        let faults = faults(path, LINES, body);
        let text = faults[0].to_string();
        assert!(text.contains("the body something else"), "{body}: {text}");
        assert_eq!((faults.len(), faults[0].element), (1, Some(1)), "{body}");
    }
}

#[test]
fn c11_a_fault_says_which_message_and_where() {
    let path = "/v1/things:collect";
    for (kind, body, expected) in [
        (
            LINES,
            "{}\n\n {\"absent\": 1}\n{}",
            "body `absent` of message 1 (line 3, column 13): there is no such field",
        ),
        (
            ARRAY,
            "[{}, {},\n  {\"inner\":\n  {\"count\": \"x\"}}]",
            "body `inner.count` of message 2 (line 3, column 13): `x` is not an integer",
        ),
        (ARRAY, "[{}, {]", "of message 1"),
        (ARRAY, "[{}, {}}]", "something follows the value"),
        (ARRAY, "[{},]", "of message 1 (line 1, column 5): a comma"),
        (ARRAY, "[null]", "of message 0 (line 1, column 2)"),
        (ARRAY, "{}", "expected an array of messages"),
        (LINES, "{}\n[{}]", "of message 1 (line 2, column 1)"),
        (LINES, "{} {}", "something follows the value"),
        (LINES, "\u{feff}{}", "byte order mark"),
    ] {
        let faults = faults(path, kind, body);
        let text = faults[0].to_string();
        assert!(text.contains(expected), "{body}: {text}");
    }
    let latin = messages(
        &route(path),
        None,
        Some(LINES),
        b"{}\n{\"text\": \"\xe4\"}",
        &[],
    );
    assert!(latin.unwrap_err().to_string().contains("UTF-8"));
}

#[test]
fn c11_nothing_comes_after_a_fault() {
    let mut stream = route("/v1/things:collect")
        .requests(None, Some(LINES), 10)
        .unwrap();
    stream.push(b"{}\n{\n{}\n");
    assert!(matches!(stream.next_message(), Some(Ok(_))));
    assert!(matches!(stream.next_message(), Some(Err(_))));
    stream.finish();
    assert_eq!(stream.next_message(), None);
    let mut stream = route("/v1/things:collect")
        .requests(None, Some(LINES), 10)
        .unwrap();
    stream.push(b"{         }");
    assert_eq!(
        stream.next_message(),
        Some(Err(RequestError::TooLarge)),
        "more than ten bytes"
    );
}

#[test]
fn c7_a_stream_is_lines_or_an_array() {
    let check = |kind: Option<&str>, body: &[u8]| {
        messages(&route("/v1/things:collect"), None, kind, body, &[])
    };
    for kind in [
        "text/plain",
        "application/json-seq",
        "application/json; charset=latin1",
    ] {
        let refused = check(Some(kind), b"");
        assert_eq!(refused, Err(RequestError::UnsupportedMediaType), "{kind}");
    }
    assert_eq!(check(None, b"{}"), Err(RequestError::UnsupportedMediaType));
    assert_eq!(
        check(Some("Application/X-NDJSON; charset=UTF-8"), b"{}")
            .unwrap()
            .len(),
        1
    );
    let get = API
        .route(&http::Method::GET, "/v1/shelves/1:collect")
        .unwrap();
    assert_eq!(
        messages(&get, Some("text=a"), None, b"", &[])
            .unwrap()
            .len(),
        1
    );
    let refused = messages(&get, None, Some(ARRAY), b"[]", &[]).unwrap_err();
    assert!(refused.to_string().contains("takes no body"), "{refused}");
    // Before any of the body has come.
    let refused = route("/v1/things:collect").requests(Some("text=a"), Some(LINES), LIMIT);
    assert!(refused.is_err(), "the query belongs into the body");
}

#[test]
fn c12_bytes_are_cut_into_pieces_and_the_first_says_what_they_are() {
    let route = route("/v1/files/a:send");
    let body: Vec<u8> = (0..150_000_u32)
        .map(|at| u8::try_from(at % 251).unwrap())
        .collect();
    for pieces in [&[][..], &[1000], &[1, 70_000]] {
        let made = messages(&route, Some("note=n"), Some("image/png"), &body, pieces).unwrap();
        let descriptor = POOL.get_message_by_name("shapes.v1.UploadRequest").unwrap();
        let mut whole = Vec::new();
        for (index, bytes) in made.iter().enumerate() {
            let mut message = DynamicMessage::decode(descriptor.clone(), &bytes[..]).unwrap();
            let file = message.get_field_by_name_mut("file").unwrap();
            let file = file.as_message_mut().unwrap();
            let data = file.get_field_by_name("data").unwrap().into_owned();
            let data = data.as_bytes().unwrap();
            assert!(data.len() <= 64 << 10);
            whole.extend_from_slice(data);
            file.clear_field_by_name("data");
            let expected = match index {
                0 => "name:\"files/a\",file{content_type:\"image/png\"},note:\"n\"",
                _ => "file{}",
            };
            assert_eq!(message.to_string(), expected);
        }
        assert!(whole == body, "the bytes are others");
    }
    let empty = messages(&route, None, Some("text/plain"), b"", &[]).unwrap();
    let expected = "name: \"files/a\" file { content_type: \"text/plain\" }";
    assert_eq!(empty, [wire("shapes.v1.UploadRequest", expected)]);
}

/// A thing as JSON, with text that could be taken for structure.
fn thing() -> impl Strategy<Value = String> {
    let text = "[\\[\\]{},\"\\\\\n\u{e9}a ]{0,8}";
    let space = prop::sample::select(vec!["", " ", "\t", "\r"]);
    (text, any::<Option<i32>>(), prop::option::of(text), space).prop_map(
        |(text, count, label, space)| {
            let mut thing = serde_json::json!({"text": text});
            if let Some(count) = count {
                thing["many"] = serde_json::json!([{"count": count}, {}]);
            }
            if let Some(label) = label {
                thing["labels"] = serde_json::json!({label: 1});
            }
            format!("{space}{thing}{space}")
        },
    )
}

proptest! {
    #[test]
    fn c11_a_stream_is_what_its_elements_are_one_by_one(
        things in prop::collection::vec(thing(), 0..6),
        pieces in prop::collection::vec(1_usize..20, 1..4),
    ) {
        let unary = API.route(&http::Method::POST, "/v1/echo").unwrap();
        let expected: Vec<_> = things
            .iter()
            .map(|thing| unary.request(None, Some(ARRAY), thing.as_bytes()).unwrap())
            .collect();
        let route = route("/v1/things:collect");
        let array = format!("[{}]", things.join(","));
        let lines = things.join("\n");
        for (kind, body) in [(ARRAY, array), (LINES, lines)] {
            let made = messages(&route, None, Some(kind), body.as_bytes(), &pieces);
            prop_assert_eq!(made.unwrap(), expected.clone(), "{}", body);
        }
    }

    #[test]
    fn c8_what_is_no_array_of_json_is_no_stream(
        body in "[\\[\\]{},:\"\\\\ 1an\n]{0,12}",
        piece in 1_usize..13,
    ) {
        let whole: Result<Vec<serde_json::Value>, _> = serde_json::from_str(&body);
        let route = route("/v1/things:collect");
        let made = messages(&route, None, Some(ARRAY), body.as_bytes(), &[piece]);
        if made.is_ok() && !body.is_empty() {
            prop_assert!(whole.is_ok(), "{}", body);
        }
    }
}
