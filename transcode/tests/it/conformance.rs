//! What goes out as JSON comes back the same; nothing makes it fall.

use proptest::prelude::*;
use prost_reflect::{DynamicMessage, SerializeOptions};
use resido_transcode::JsonOptions;

use super::shapes::{API, POOL, api, wire};

/// JSON that the conformance suite of Protocol Buffers takes, with the message
/// it means.
#[test]
fn accepted_spellings_mean_the_same() {
    for (json, text) in [
        (r#"{"scalars": {"i32": 1e5}}"#, "scalars{i32:100000}"),
        (r#"{"scalars": {"i32": "1e5"}}"#, "scalars{i32:100000}"),
        (r#"{"scalars": {"i32": 100000.000}}"#, "scalars{i32:100000}"),
        (
            r#"{"scalars": {"i32": "-2147483648"}}"#,
            "scalars{i32:-2147483648}",
        ),
        (
            r#"{"scalars": {"u64": "18446744073709551615"}}"#,
            "scalars{u64:18446744073709551615}",
        ),
        (
            r#"{"scalars": {"ratio": "NaN", "exact": "-Infinity"}}"#,
            "scalars{ratio:nan,exact:-inf}",
        ),
        (r#"{"scalars": {"exact": "1.5"}}"#, "scalars{exact:1.5}"),
        (r#"{"scalars": {"color": 2}}"#, "scalars{color:COLOR_BLUE}"),
        (r#"{"scalars": {"maybe": 0}}"#, "scalars{maybe:0}"),
        (r#"{"data": "-_"}"#, "data:\"\\373\""),
        (
            r#"{"time": "1970-01-01T01:30:00.5+01:30"}"#,
            "time{nanos:500000000}",
        ),
        (r#"{"mask": ""}"#, "mask{}"),
        (
            r#"{"mask": "displayName,inner.firstWord"}"#,
            "mask{paths:[\"display_name\",\"inner.first_word\"]}",
        ),
        (
            r#"{"wrappedNumber": "5", "wrappedText": ""}"#,
            "wrapped_text{} wrapped_number{value:5}",
        ),
        (
            r#"{"value": {"a": [1, "x", true]}}"#,
            "value{struct_value{fields{key:\"a\",value{list_value{values{number_value:1} values{string_value:\"x\"} values{bool_value:true}}}}}}",
        ),
        (r#"{"any": {}}"#, "any{}"),
        (
            r#"{"any": {"count": 1, "@type": "t/shapes.v1.Inner"}}"#,
            "any{[t/shapes.v1.Inner]{count:1}}",
        ),
        (
            r#"{"any": {"value": "1s", "@type": "t/google.protobuf.Duration"}}"#,
            "any{[t/google.protobuf.Duration]{seconds:1}}",
        ),
        (
            r#"{"any": {"@type": "t/google.protobuf.Empty", "value": {}}}"#,
            "any{[t/google.protobuf.Empty]{}}",
        ),
        (
            r#"{"any": {"@type": "t/google.protobuf.Empty"}}"#,
            "any{[t/google.protobuf.Empty]{}}",
        ),
        (
            r#"{"any": {"@type": "t/google.protobuf.Any", "value": {"@type": "t/shapes.v1.Inner", "count": 1}}}"#,
            "any{[t/google.protobuf.Any]{[t/shapes.v1.Inner]{count:1}}}",
        ),
    ] {
        let route = API.route(&http::Method::POST, "/v1/echo").unwrap();
        let bytes = route.request(None, Some("application/json"), json.as_bytes());
        let bytes = bytes.unwrap_or_else(|error| panic!("{json}: {error}"));
        let descriptor = POOL.get_message_by_name("shapes.v1.Thing").unwrap();
        let sent = DynamicMessage::decode(descriptor.clone(), bytes.as_slice()).unwrap();
        let expected =
            DynamicMessage::decode(descriptor, wire("shapes.v1.Thing", text).as_slice()).unwrap();
        assert_eq!(sent.to_string(), expected.to_string(), "{json}");
    }
}

#[test]
fn refused_spellings_are_refused() {
    for json in [
        r#"{"scalars": {"i32": 1.5}}"#,
        r#"{"scalars": {"i32": "1 "}}"#,
        r#"{"scalars": {"i32": "0x1"}}"#,
        r#"{"scalars": {"i32": 2147483648}}"#,
        r#"{"scalars": {"u64": -1}}"#,
        r#"{"scalars": {"u64": 18446744073709551616}}"#,
        r#"{"scalars": {"ratio": 3.5e38}}"#,
        r#"{"scalars": {"exact": 1e400}}"#,
        r#"{"scalars": {"exact": "nan"}}"#,
        r#"{"scalars": {"flag": "true"}}"#,
        r#"{"scalars": {"flag": 1}}"#,
        r#"{"scalars": {"text": true}}"#,
        r#"{"scalars": {"color": "1"}}"#,
        r#"{"scalars": {"color": 1.5}}"#,
        r#"{"scalars": {"data": "a"}}"#,
        r#"{"time": "1970-01-01t00:00:00Z"}"#,
        r#"{"wait": "1"}"#,
        r#"{"mask": "display_name"}"#,
        r#"{"value": 1e400}"#,
        r#"{"any": {"count": 1}}"#,
        r#"{"any": {"@type": "shapes.v1.Inner"}}"#,
        r#"{"any": {"@type": "t/no.such.Type"}}"#,
        r#"{"any": {"@type": 1}}"#,
        r#"{"any": {"@type": "t/shapes.v1.Inner", "@type": "t/shapes.v1.Inner"}}"#,
        r#"{"any": {"@type": "t/shapes.v1.Inner", "x": 1}}"#,
        r#"{"any": {"@type": "t/google.protobuf.Duration"}}"#,
        r#"{"any": {"@type": "t/google.protobuf.Duration", "value": "1s", "value": "1s"}}"#,
        r#"{"any": {"@type": "t/google.protobuf.Duration", "value": null}}"#,
        r#"{"any": {"@type": "t/google.protobuf.Empty", "value": {"x": 1}}}"#,
    ] {
        let route = API.route(&http::Method::POST, "/v1/echo").unwrap();
        let outcome = route.request(None, Some("application/json"), json.as_bytes());
        assert!(outcome.is_err(), "{json}");
    }
}

/// Any message at all, by way of random bytes of field values.
fn thing() -> impl Strategy<Value = String> {
    let word = "[a-zA-Z0-9 ä\u{1F600}]{0,8}";
    let part = prop_oneof![
        word.prop_map(|text| format!("name:\"{text}\"")),
        word.prop_map(|text| format!("note:\"{text}\"")),
        proptest::collection::vec(any::<i64>(), 0..4).prop_map(|list| format!("numbers:{list:?}")),
        (word, any::<i32>())
            .prop_map(|(key, value)| format!("labels{{key:\"{key}\",value:{value}}}")),
        (any::<i32>(), any::<i32>())
            .prop_map(|(key, value)| format!("inners{{key:{key},value{{count:{value}}}}}")),
        any::<i32>().prop_map(|number| format!("color:{number}")),
        any::<f64>().prop_map(|number| format!("exact:{number:e}")),
        any::<f32>().prop_map(|number| format!("scalars{{ratio:{number:e}}}")),
        (0..253_402_300_799_i64, 0..1_000_000_000)
            .prop_map(|(seconds, nanos)| format!("time{{seconds:{seconds},nanos:{nanos}}}")),
        (0..315_576_000_000_i64).prop_map(|seconds| format!("wait{{seconds:{seconds},nanos:7}}")),
        any::<u64>().prop_map(|number| format!("scalars{{u64:{number}}}")),
        any::<f64>()
            .prop_filter("finite", |number| number.is_finite())
            .prop_map(|number| format!("value{{number_value:{number:e}}}")),
        word.prop_map(|text| format!("left:\"{text}\"")),
        word.prop_map(|text| format!("any{{[t/shapes.v1.Inner]{{first_word:\"{text}\"}}}}")),
    ];
    // A field without a list may be there only once in text format.
    let key = |text: &String| text.split([':', '{']).next().map(str::to_owned);
    proptest::collection::vec(part, 0..8).prop_map(move |parts| {
        let mut seen = Vec::new();
        let mut kept = Vec::new();
        for part in parts {
            let key = key(&part);
            if !seen.contains(&key) {
                seen.push(key);
                kept.push(part);
            }
        }
        kept.join(" ")
    })
}

proptest! {
    #[test]
    fn a_message_comes_back_from_its_json(text in thing()) {
        let bytes = wire("shapes.v1.Thing", &text);
        let descriptor = POOL.get_message_by_name("shapes.v1.Thing").unwrap();
        let message = DynamicMessage::decode(descriptor.clone(), bytes.as_slice()).unwrap();
        let omit = JsonOptions { defaults: resido_transcode::Defaults::Omit, ..JsonOptions::default() };
        let reference = {
            let mut json = serde_json::Serializer::new(Vec::new());
            message.serialize_with_options(&mut json, &SerializeOptions::new()).unwrap();
            serde_json::from_slice::<serde_json::Value>(&json.into_inner()).unwrap()
        };
        for options in [JsonOptions::default(), omit] {
            let api = api(options);
            let route = api.route(&http::Method::POST, "/v1/echo").unwrap();
            let json = route.response(&bytes).unwrap().bytes;
            let back = route.request(None, Some("application/json"), &json).unwrap();
            let back = DynamicMessage::decode(descriptor.clone(), back.as_slice()).unwrap();
            // NaN is not itself; its text is.
            prop_assert_eq!(back.to_string(), message.to_string());
            if options.defaults == resido_transcode::Defaults::Omit {
                let ours: serde_json::Value = serde_json::from_slice(&json).unwrap();
                prop_assert_eq!(numbers_as_floats(ours), numbers_as_floats(reference.clone()));
            }
        }
    }

    #[test]
    fn m5_no_request_makes_it_fall(
        path in "(/v1/(things|typed|files)?[/:a-z%0-9{}*.+\\\\]{0,20})",
        query in "[a-zA-Z.&=%0-9+]{0,40}",
        body in "[\\[\\]{}\":,a-z0-9\\\\ eE.+-]{0,60}",
    ) {
        for verb in [http::Method::GET, http::Method::POST, http::Method::PATCH] {
            if let Ok(route) = API.route(&verb, &path) {
                let _outcome = route.request(Some(&query), Some("application/json"), body.as_bytes()).is_ok();
            }
        }
        let echo = API.route(&http::Method::POST, "/v1/echo").unwrap();
        let _outcome = echo.request(None, Some("application/json"), body.as_bytes()).is_ok();
    }

    #[test]
    fn m5_no_response_makes_it_fall(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let route = API.route(&http::Method::POST, "/v1/echo").unwrap();
        let _outcome = route.response(&bytes).is_ok();
        let _status = API.status(2, "x", &[prost_types::Any { type_url: "t/shapes.v1.Thing".into(), value: bytes }]);
    }
}

/// `1` and `1.0` are the same number of JSON.
fn numbers_as_floats(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Number(number) => Value::String(format!("{:e}", number.as_f64().unwrap())),
        Value::Array(list) => list.into_iter().map(numbers_as_floats).collect(),
        Value::Object(map) => map
            .into_iter()
            .map(|(key, value)| (key, numbers_as_floats(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other,
    }
}
