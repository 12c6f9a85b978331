//! Protos of the older syntax: presence everywhere, closed enums, groups.

use std::sync::LazyLock;

use prost_reflect::{DescriptorPool, DynamicMessage};
use resido_transcode::{Api, RequestError};
use serde_json::{Value, json};

use super::shapes::{compile_proto, source};

static SET: LazyLock<Vec<u8>> = LazyLock::new(|| {
    compile_proto(
        r#"
        syntax = "proto2";
        package old.v1;
        import "google/api/annotations.proto";
        service Old {
          rpc Echo(Message) returns (Message) {
            option (google.api.http) = { post: "/old" body: "*" };
          }
          rpc Get(Message) returns (Message) {
            option (google.api.http) = { get: "/old/{kind}" };
          }
        }
        enum Kind { FIRST = 1; SECOND = 2; }
        message Message {
          required string name = 1;
          optional Kind kind = 2;
          optional int32 size = 3 [default = 7];
          repeated int32 list = 4;
          optional group Part = 5 { optional string text = 1; }
          extensions 100 to 200;
        }
        extend Message { optional string more = 100; }
        "#,
    )
});

static API: LazyLock<Api> = LazyLock::new(|| Api::compile(&[source(&SET)]).unwrap());

fn message(bytes: &[u8]) -> DynamicMessage {
    let pool = DescriptorPool::decode(SET.as_slice()).unwrap();
    let descriptor = pool.get_message_by_name("old.v1.Message").unwrap();
    DynamicMessage::decode(descriptor, bytes).unwrap()
}

fn echo(body: &str) -> Result<String, RequestError> {
    let route = API.route(&http::Method::POST, "/old").unwrap();
    let bytes = route.request(None, Some("application/json"), body.as_bytes())?;
    Ok(message(&bytes).to_string())
}

fn rendered(body: &str) -> Value {
    let route = API.route(&http::Method::POST, "/old").unwrap();
    let bytes = route.request(None, Some("application/json"), body.as_bytes());
    let json = route.response(&bytes.unwrap()).unwrap().bytes;
    serde_json::from_slice(&json).unwrap()
}

#[test]
fn closed_enums_know_their_numbers_alone() {
    assert_eq!(echo(r#"{"kind": 2}"#).unwrap(), "kind:SECOND");
    assert_eq!(echo(r#"{"kind": "FIRST"}"#).unwrap(), "kind:FIRST");
    for body in [r#"{"kind": 0}"#, r#"{"kind": 77}"#] {
        let error = echo(body).unwrap_err().to_string();
        assert!(error.contains("is not a value of the enum"), "{error}");
    }
    let route = API.route(&http::Method::GET, "/old/77").unwrap();
    assert!(route.request(None, None, b"").is_err());
    let route = API.route(&http::Method::GET, "/old/SECOND").unwrap();
    let bytes = route.request(None, None, b"").unwrap();
    assert_eq!(message(&bytes).to_string(), "kind:SECOND");
}

#[test]
fn defaults_are_kept_apart_from_what_is_set() {
    assert_eq!(echo(r#"{"size": 7}"#).unwrap(), "size:7");
    assert_eq!(rendered(r#"{"name": ""}"#), json!({"name": "", "list": []}));
    assert_eq!(rendered(r#"{"size": 0}"#)["size"], json!(0));
}

#[test]
fn groups_are_messages_and_extensions_no_fields() {
    let body = r#"{"part": {"text": "x"}}"#;
    assert_eq!(rendered(body)["part"], json!({"text": "x"}));
    let error = echo(r#"{"[old.v1.more]": "x"}"#).unwrap_err().to_string();
    assert!(error.contains("no such field"), "{error}");
    // An extension in a response has no name that a client could know.
    let route = API.route(&http::Method::POST, "/old").unwrap();
    let json = route.response(b"\xa2\x06\x01x").unwrap().bytes;
    assert_eq!(json, br#"{"list":[]}"#);
}
