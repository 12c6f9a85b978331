//! Response messages as JSON.

use resido_transcode::{Defaults, Enums, FieldNames, JsonOptions, ResponseError};
use serde_json::json;

use super::shapes::{API, api, rendered, wire};

fn omit() -> JsonOptions {
    JsonOptions {
        defaults: Defaults::Omit,
        ..JsonOptions::default()
    }
}

#[test]
fn d1_values_have_their_proto_json_form() {
    let api = api(omit());
    for (text, expected) in [
        (
            "numbers:[1,-9223372036854775808]",
            json!({"numbers": ["1", "-9223372036854775808"]}),
        ),
        ("data:\"\\373\\377\"", json!({"data": "+/8="})),
        (
            "color:COLOR_RED, colors:[COLOR_BLUE, 77]",
            json!({"color": "COLOR_RED", "colors": ["COLOR_BLUE", 77]}),
        ),
        (
            "display_name:\"a\\\"\\n\\001ä\"",
            json!({"displayName": "a\"\n\u{1}ä"}),
        ),
        ("odd_name:\"x\"", json!({"@odd": "x"})),
        ("exact:1.5", json!({"exact": 1.5})),
        ("exact:nan", json!({"exact": "NaN"})),
        ("exact:-inf", json!({"exact": "-Infinity"})),
        ("scalars{ratio:0.1}", json!({"scalars": {"ratio": 0.1}})),
        (
            "scalars{ratio:inf}",
            json!({"scalars": {"ratio": "Infinity"}}),
        ),
        (
            "inners{key:2,value{count:1}} inners{key:-1,value{}}",
            json!({"inners": {"-1": {}, "2": {"count": 1}}}),
        ),
        (
            "time{seconds:1,nanos:10000000}",
            json!({"time": "1970-01-01T00:00:01.010Z"}),
        ),
        ("wait{nanos:-1}", json!({"wait": "-0.000000001s"})),
        (
            "mask{paths:[\"display_name\",\"a.b\"]}",
            json!({"mask": "displayName,a.b"}),
        ),
        (
            "object{fields{key:\"b\",value{list_value{values{null_value:NULL_VALUE}}}}}",
            json!({"object": {"b": [null]}}),
        ),
        ("value{bool_value:false}", json!({"value": false})),
        ("values{values{number_value:2}}", json!({"values": [2]})),
        (
            "wrapped_text{} wrapped_number{value:5}",
            json!({"wrappedText": "", "wrappedNumber": "5"}),
        ),
        ("empty{}", json!({"empty": {}})),
        ("any{}", json!({"any": {}})),
        (
            "any{[a.b/shapes.v1.Inner]{count:3}}",
            json!({"any": {"@type": "a.b/shapes.v1.Inner", "count": 3}}),
        ),
        (
            "any{[a.b/google.protobuf.Empty]{}}",
            json!({"any": {"@type": "a.b/google.protobuf.Empty"}}),
        ),
        (
            "any{[a.b/google.protobuf.Duration]{seconds:1}}",
            json!({"any": {"@type": "a.b/google.protobuf.Duration", "value": "1s"}}),
        ),
        ("nothing:NULL_VALUE", json!({"nothing": null})),
    ] {
        assert_eq!(rendered(&api, text), expected, "{text}");
    }
}

#[test]
fn d1_spellings_can_be_switched() {
    let text = "display_name:\"a\" color:COLOR_RED colors:COLOR_BLUE";
    let proto = api(JsonOptions {
        field_names: FieldNames::Proto,
        enums: Enums::Number,
        ..omit()
    });
    assert_eq!(
        rendered(&proto, text),
        json!({"display_name": "a", "color": 1, "colors": [2]})
    );
    let options: JsonOptions = serde_json::from_value(json!({
        "unknown_fields": "ignore", "enums": "number", "field_names": "proto", "defaults": "omit"
    }))
    .unwrap();
    assert_eq!(options.enums, Enums::Number);
    assert!(serde_json::from_value::<JsonOptions>(json!({"unknown": 1})).is_err());
}

#[test]
fn d2_defaults_are_emitted_but_nothing_unset_with_presence() {
    let thing = rendered(&API, "");
    for (key, value) in [
        ("name", json!("")),
        ("displayName", json!("")),
        ("numbers", json!([])),
        ("labels", json!({})),
        ("color", json!("COLOR_UNSPECIFIED")),
        ("exact", json!(0)),
        ("data", json!("")),
    ] {
        assert_eq!(thing[key], value, "{key}");
    }
    for key in [
        "note",
        "left",
        "right",
        "nothing",
        "inner",
        "time",
        "wrappedText",
        "any",
        "value",
    ] {
        assert!(thing.get(key).is_none(), "{key}");
    }
    assert_eq!(rendered(&API, "note:\"\"")["note"], json!(""));
    assert_eq!(rendered(&api(omit()), ""), json!({}));
}

#[test]
fn d3_one_field_of_any_kind_may_be_sent() {
    let part = |verb: http::Method, path: &str, text: &str| {
        let route = API.route(&verb, path).unwrap();
        let bytes = route
            .response(&wire("shapes.v1.Listing", text))
            .unwrap()
            .bytes;
        String::from_utf8(bytes).unwrap()
    };
    let (get, put) = (http::Method::GET, http::Method::PUT);
    assert_eq!(part(get.clone(), "/v1/things", ""), "[]");
    assert!(part(get, "/v1/things", "things{name:\"a\"}").starts_with("[{\"name\":\"a\","));
    assert_eq!(part(put.clone(), "/v1/numbers", "total:5"), "\"5\"");
    assert_eq!(part(put.clone(), "/v1/numbers", ""), "\"0\"");
    assert_eq!(part(put.clone(), "/v1/labels", ""), "{}");
    assert_eq!(part(put.clone(), "/v1/color", ""), "{}");
    assert_eq!(
        part(put, "/v1/color", "first{}"),
        "{\"firstWord\":\"\",\"count\":0}"
    );
}

#[test]
fn d4_what_cannot_be_rendered_is_refused() {
    let route = API.route(&http::Method::GET, "/v1/things/1").unwrap();
    let error = |text: &str| route.response(&wire("shapes.v1.Thing", text)).unwrap_err();
    for (text, field) in [
        ("time{seconds:253402300800}", "time"),
        ("time{nanos:-1}", "time"),
        ("wait{seconds:1,nanos:-1}", "wait"),
        ("parent{mask{paths:\"fooBar\"}}", "parent.mask"),
        ("value{}", "value"),
        ("value{number_value:nan}", "value"),
        ("any{type_url:\"a.b/no.such.Type\",value:\"x\"}", "any"),
    ] {
        let error = error(text);
        let ResponseError::Unrenderable { field: found, .. } = &error else {
            panic!("{text}: {error}")
        };
        assert_eq!(found, field, "{text}");
    }
    let garbage = route.response(b"\x0a\xff").unwrap_err();
    assert!(matches!(garbage, ResponseError::Undecodable(_)));
    assert!(
        route.response(b"\x0a\x01\xff").is_err(),
        "a string that is not UTF-8"
    );
}

#[test]
fn d4_an_any_inside_an_any_has_an_end() {
    use prost::Message as _;
    let mut any = prost_types::Any::default();
    for _ in 0..5000 {
        any = prost_types::Any {
            type_url: "t/google.protobuf.Any".into(),
            value: any.encode_to_vec(),
        };
    }
    let route = API.route(&http::Method::GET, "/v1/things/1").unwrap();
    let mut message = vec![0xb2, 0x01];
    prost::encoding::encode_varint(any.encoded_len() as u64, &mut message);
    message.extend(any.encode_to_vec());
    let error = route.response(&message).unwrap_err();
    assert!(error.to_string().contains("too deeply"), "{error}");
}

#[test]
fn http_bodies_are_sent_as_they_are() {
    let upload = API
        .route(&http::Method::POST, "/v1/files/a:upload")
        .unwrap();
    let body = wire(
        "google.api.HttpBody",
        "content_type:\"image/png\" data:\"\\377\"",
    );
    let rendered = upload.response(&body).unwrap();
    assert_eq!(
        (&*rendered.content_type, &rendered.bytes[..]),
        ("image/png", &[0xff][..])
    );
    assert_eq!(
        upload.response(b"").unwrap().content_type,
        "application/octet-stream"
    );
    let raw = API.route(&http::Method::POST, "/v1/raw").unwrap();
    let rendered = raw
        .response(&wire("shapes.v1.UploadRequest", "file{data:\"x\"}"))
        .unwrap();
    assert_eq!(rendered.bytes, b"x");
}
