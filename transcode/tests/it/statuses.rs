//! Errors as `google.rpc.Status` in JSON (E1, E2).

use prost::Message as _;
use prost_types::Any;
use serde_json::{Value, json};

use super::shapes::{API, POOL, wire};

fn status(details: &[Any]) -> Value {
    serde_json::from_slice(&API.status(5, "no \"such\" thing", details)).unwrap()
}

fn any(name: &str, value: Vec<u8>) -> Any {
    Any {
        type_url: format!("type.googleapis.com/{name}"),
        value,
    }
}

#[test]
fn e1_a_status_has_one_shape() {
    assert_eq!(
        status(&[]),
        json!({"code": 5, "message": "no \"such\" thing", "details": []})
    );
}

#[test]
fn e2_details_are_decoded_with_rpc_types_and_own_ones() {
    // google.rpc.ErrorInfo, which the sources' own set does not hold.
    assert!(POOL.get_message_by_name("google.rpc.ErrorInfo").is_none());
    let info = b"\x0a\x06REASON\x12\x06resido\x1a\x06\x0a\x01a\x12\x01b".to_vec();
    let details = status(&[
        any("google.rpc.ErrorInfo", info),
        any("shapes.v1.Inner", wire("shapes.v1.Inner", "count:3")),
        any("google.rpc.RetryInfo", b"\x0a\x02\x08\x02".to_vec()),
        any("google.protobuf.Duration", b"\x08\x01".to_vec()),
    ]);
    assert_eq!(
        details["details"],
        json!([
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "REASON", "domain": "resido", "metadata": {"a": "b"}},
            {"@type": "type.googleapis.com/shapes.v1.Inner", "firstWord": "", "count": 3},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "2s"},
            {"@type": "type.googleapis.com/google.protobuf.Duration", "value": "1s"}
        ])
    );
}

#[test]
fn e2_debug_info_is_dropped_and_the_unknown_kept_as_bytes() {
    let details = status(&[
        any("google.rpc.DebugInfo", b"\x12\x05stack".to_vec()),
        any("no.such.Type", b"\xff".to_vec()),
        any("shapes.v1.Inner", b"\x0a\xff".to_vec()),
        Any {
            type_url: "odd".into(),
            value: vec![1],
        },
        any(
            "google.protobuf.Timestamp",
            wire("google.protobuf.Timestamp", "nanos:-1"),
        ),
    ]);
    assert_eq!(
        details["details"],
        json!([
            {"@type": "type.googleapis.com/no.such.Type", "value": "/w=="},
            {"@type": "type.googleapis.com/shapes.v1.Inner", "value": "Cv8="},
            {"@type": "odd", "value": "AQ=="},
            {"@type": "type.googleapis.com/google.protobuf.Timestamp", "value": "EP///////////wE="}
        ])
    );
}

#[test]
fn e2_debug_info_inside_another_detail_is_an_unknown_type_at_most() {
    let inner = any("no.such.Type", vec![1]).encode_to_vec();
    let details = status(&[any("google.protobuf.Any", inner)]);
    assert_eq!(
        details["details"][0]["value"],
        json!({"@type": "type.googleapis.com/no.such.Type", "value": "AQ=="})
    );
}
