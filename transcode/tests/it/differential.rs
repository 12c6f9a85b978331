//! Our reader against prost-reflect's: what both take means the same, and we
//! take nothing that it refuses, but for the gaps it is known to have.

use proptest::prelude::*;
use prost_reflect::DynamicMessage;
use serde_json::{Value, json};

use super::shapes::{API, POOL};

/// Values that fit some fields and not others.
fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-3_i32..4).prop_map(Value::from),
        any::<f64>()
            .prop_filter("finite", |number| number.is_finite())
            .prop_map(Value::from),
        any::<u64>().prop_map(|number| number.to_string().into()),
        prop_oneof![
            Just("NaN"),
            Just("Infinity"),
            Just("COLOR_RED"),
            Just("COLOR_NONE"),
            Just("1970-01-01T00:00:00Z"),
            Just("1970-01-01T00:00:00.5+01:00"),
            Just("1.5s"),
            Just("-0.5s"),
            Just("displayName,inner"),
            Just("AQID"),
            Just("-_8"),
            Just("true"),
            Just("12"),
            Just(""),
            Just("text"),
        ]
        .prop_map(Value::from),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::vec((key(), inner), 0..3)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("name"),
        Just("displayName"),
        Just("display_name"),
        Just("numbers"),
        Just("labels"),
        Just("inners"),
        Just("color"),
        Just("colors"),
        Just("inner"),
        Just("many"),
        Just("parent"),
        Just("note"),
        Just("left"),
        Just("right"),
        Just("time"),
        Just("wait"),
        Just("mask"),
        Just("object"),
        Just("value"),
        Just("values"),
        Just("wrappedText"),
        Just("wrappedNumber"),
        Just("empty"),
        Just("anyValues"),
        Just("data"),
        Just("exact"),
        Just("times"),
        Just("scalars"),
        Just("i32"),
        Just("u64"),
        Just("flag"),
        Just("firstWord"),
        Just("count"),
        Just("1"),
        Just("other"),
    ]
    .prop_map(str::to_owned)
}

/// The reference's reading of a text.
fn reference(text: &str) -> Result<DynamicMessage, String> {
    let descriptor = POOL.get_message_by_name("shapes.v1.Thing").unwrap();
    let mut json = serde_json::Deserializer::from_str(text);
    let message = DynamicMessage::deserialize(descriptor, &mut json);
    let message = message.map_err(|error| error.to_string())?;
    json.end().map_err(|error| error.to_string())?;
    Ok(message)
}

/// A message to compare: maps have no order, and NaN is not itself.
fn meaning(message: &DynamicMessage) -> Value {
    serde_json::to_value(message).unwrap()
}

fn ours(text: &str) -> Result<DynamicMessage, String> {
    let route = API.route(&http::Method::POST, "/v1/echo").unwrap();
    let bytes = route
        .request(None, Some("application/json"), text.as_bytes())
        .map_err(|error| error.to_string())?;
    let descriptor = POOL.get_message_by_name("shapes.v1.Thing").unwrap();
    Ok(DynamicMessage::decode(descriptor, bytes.as_slice()).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn c8_what_we_take_means_what_it_should(
        entries in proptest::collection::vec((key(), value()), 0..4),
    ) {
        let mut object: serde_json::Map<_, _> = entries.into_iter().collect();
        // Where a list of values is null, the reference finds one; it is absent.
        object.retain(|key, value| key != "anyValues" || !value.is_null());
        let text = Value::Object(object).to_string();
        if let Ok(message) = ours(&text) {
            let expected = reference(&text);
            prop_assert!(expected.is_ok(), "{text}: {expected:?}", expected = expected.err());
            prop_assert_eq!(meaning(&message), meaning(&expected.unwrap()), "{}", text);
        }
    }

    #[test]
    fn c8_a_fitting_value_is_taken(
        name in "\\PC{0,12}",
        number in any::<i64>(),
        exact in any::<f64>(),
        labels in proptest::collection::btree_map("[a-z]{1,4}", any::<i32>(), 0..4),
    ) {
        let exact = if exact.is_finite() { json!(exact) } else { json!("NaN") };
        let text = json!({
            "name": name, "numbers": [number, number.to_string()], "exact": exact,
            "labels": labels, "inner": {"firstWord": name},
        })
        .to_string();
        let expected = reference(&text).unwrap();
        prop_assert_eq!(meaning(&ours(&text).unwrap()), meaning(&expected));
    }
}

/// Where we are stricter or more exact than the reference, on purpose.
#[test]
fn the_known_gaps_are_closed() {
    for (text, taken) in [
        (r#"{"displayName": "a", "display_name": "b"}"#, false),
        (r#"{"object": {"a": 1, "a": 2}}"#, false),
        (r#"{"scalars": {"i32": "1e5"}}"#, true),
        (r#"{"any": {}}"#, true),
    ] {
        assert_eq!(ours(text).is_ok(), taken, "{text}");
    }
}
