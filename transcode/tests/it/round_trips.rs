//! Whatever text a client encodes arrives as it was, wherever it is put.

use std::fmt::Write as _;

use proptest::prelude::*;
use prost_reflect::DynamicMessage;
use resido_transcode::RouteError;

use super::shapes::{API, POOL, request};

/// Encodes every byte that is not a plain letter or digit.
fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").unwrap();
        }
    }
    encoded
}

fn text(message: &DynamicMessage, field: &str) -> String {
    let value = message.get_field_by_name(field).unwrap();
    value.as_str().unwrap().to_owned()
}

/// Whether a path may carry a value: nothing that could lead elsewhere.
fn is_harmless(value: &str) -> bool {
    !value.contains(['\0', '\\']) && !value.split('/').any(|part| matches!(part, "." | ".."))
}

proptest! {
    #[test]
    fn a_value_arrives_by_the_query(value in any::<String>()) {
        let target = format!("/v1/things?text={}", encode(&value));
        let message = request("GET", &target, "").unwrap();
        prop_assert_eq!(text(&message, "text"), value);
    }

    #[test]
    fn a_value_arrives_by_the_body(value in any::<String>()) {
        let body = serde_json::json!({"text": value}).to_string();
        let message = request("POST", "/v1/echo", &body).unwrap();
        prop_assert_eq!(text(&message, "text"), value);
    }

    #[test]
    fn a_value_arrives_by_the_path_or_is_refused(value in "[\\PC/.\\\\%:]{1,12}") {
        // One variable of one segment decodes everything.
        let path = format!("/v1/typed/1/1/true/COLOR_RED/AA/{}", encode(&value));
        match API.route(&http::Method::GET, &path) {
            Ok(_) => prop_assert!(is_harmless(&value), "{value}"),
            Err(RouteError::BadPath(_)) => prop_assert!(!is_harmless(&value), "{value}"),
            Err(error) => prop_assert!(false, "{value}: {error}"),
        }
        // A pattern keeps `%2F`, so that it is not taken for a border.
        let path = format!("/v1/things/{}", encode(&value));
        if is_harmless(&value) {
            let message = request("GET", &path, "").unwrap();
            let expected = format!("things/{}", value.replace('/', "%2F"));
            prop_assert_eq!(text(&message, "name"), expected);
        }
    }

    #[test]
    fn numbers_arrive_wherever_they_are_put(number in any::<i32>(), big in any::<u64>()) {
        let path = format!("/v1/typed/{number}/{big}/false/0/AA/0");
        let by_path = request("GET", &path, "").unwrap();
        let query = format!("scalars.i32={number}&scalars.u64={big}");
        let by_query = request("GET", &format!("/v1/things?{query}"), "").unwrap();
        let body = format!("{{\"scalars\": {{\"i32\": {number}, \"u64\": \"{big}\"}}}}");
        let by_body = request("POST", "/v1/echo", &body).unwrap();
        prop_assert_eq!(by_query.to_string(), by_body.to_string());
        let scalars = by_body.get_field_by_name("scalars").unwrap();
        let scalars = scalars.as_message().unwrap();
        for field in ["i32", "u64"] {
            prop_assert_eq!(by_path.get_field_by_name(field), scalars.get_field_by_name(field));
        }
    }

    /// C1 as a property: two places for one field agree, or nothing is sent.
    #[test]
    fn c1_a_path_is_never_overruled(path in "[ab]{1,2}", other in "[ab]{1,2}", in_query in any::<bool>()) {
        let (query, body) = if in_query {
            (format!("?name=things/{other}"), String::new())
        } else {
            (String::new(), format!("{{\"name\": \"things/{other}\"}}"))
        };
        let outcome = request("POST", &format!("/v1/things/{path}:stop{query}"), &body);
        match outcome {
            Ok(message) => {
                prop_assert_eq!(&path, &other);
                prop_assert_eq!(text(&message, "name"), format!("things/{path}"));
            }
            Err(_) => prop_assert_ne!(path, other),
        }
    }
}

#[test]
fn every_scalar_comes_back_from_its_own_text() {
    // What a response says is a good query.
    let scalars = POOL.get_message_by_name("shapes.v1.Scalars").unwrap();
    let sent = "i32: -1 s64: -9223372036854775808 f32: 4294967295 u64: 18446744073709551615 \
                ratio: 1.5 exact: -0.001 flag: true text: \"a b\" data: \"\\377\" \
                color: COLOR_BLUE list: [1, 2] maybe: 0";
    let sent = DynamicMessage::parse_text_format(scalars, sent).unwrap();
    let route = API
        .route(&http::Method::from_bytes(b"REPORT").unwrap(), "/v1/typed")
        .unwrap();
    let json = route
        .response(&prost::Message::encode_to_vec(&sent))
        .unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json.bytes).unwrap();
    let mut pairs = Vec::new();
    for (key, value) in json.as_object().unwrap() {
        let values = match value {
            serde_json::Value::Array(list) => list.clone(),
            value => vec![value.clone()],
        };
        for value in values {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            pairs.push(format!("{key}={}", encode(&text)));
        }
    }
    let bytes = route.request(Some(&pairs.join("&")), None, b"").unwrap();
    let back = DynamicMessage::decode(
        POOL.get_message_by_name("shapes.v1.Scalars").unwrap(),
        bytes.as_slice(),
    )
    .unwrap();
    assert_eq!(back, sent);
}
