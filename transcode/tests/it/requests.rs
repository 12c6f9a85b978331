//! Query and body fill the request message, or are refused by name.

use resido_transcode::{JsonOptions, Place, RequestError, UnknownFields};

use super::shapes::{API, accepted, api, faults, refused, request_of};

#[test]
fn c2_query_keys_are_json_or_proto_names() {
    for (query, expected) in [
        ("displayName=a", "display_name:\"a\""),
        ("display_name=a+b%2Bc", "display_name:\"a b+c\""),
        (
            "inner.firstWord=x&inner.count=3",
            "inner{first_word:\"x\",count:3}",
        ),
        ("numbers=1&numbers=-2", "numbers:[1,-2]"),
        (
            "colors=COLOR_RED&colors=2&colors=77",
            "colors:[COLOR_RED,COLOR_BLUE,77]",
        ),
        ("%40odd=x", "odd_name:\"x\""),
        ("&&text=x&", "text:\"x\""),
        ("text", ""),
        ("note=", "note:\"\""),
        ("parent.parent.name=p", "parent{parent{name:\"p\"}}"),
    ] {
        assert_eq!(
            accepted("GET", &format!("/v1/things?{query}"), ""),
            expected,
            "{query}"
        );
    }
}

#[test]
fn c2_unknown_and_doubled_query_keys_are_refused() {
    for (query, expected) in [
        ("absent=1", "query `absent`: there is no such field"),
        ("DisplayName=1", "no such field"),
        (
            "inner.absent=1",
            "query `inner.absent`: there is no such field",
        ),
        ("text.x=1", "no such field"),
        ("=1", "no such field"),
        (
            "displayName=a&display_name=b",
            "query `display_name`: it is given more than once",
        ),
        ("text=a&text=a", "more than once"),
        ("left=a&right.count=1", "only one of `left` and `right`"),
        ("text=%zz", "hexadecimal"),
        ("text=%ff", "UTF-8"),
        ("%zz=1", "hexadecimal"),
        (
            "scalars.i32=2147483648",
            "`2147483648` is not an integer of 32 bits",
        ),
        ("color=RED", "`RED` is not a value of the enum"),
        ("color=", "not a value of the enum"),
        ("scalars.flag=1", "is not true or false"),
    ] {
        refused("GET", &format!("/v1/things?{query}"), "", expected);
    }
    let deep = format!("/v1/things?{}name=x", "parent.".repeat(500));
    refused("GET", &deep, "", "too deep");
    let many = format!("/v1/things?{}", "numbers=1&".repeat(1001));
    refused("GET", &many, "", "more than 1000");
}

#[test]
fn c3_well_known_types_have_a_text_form_in_queries() {
    for (query, expected) in [
        (
            "time=1970-01-01T00:00:01.5Z",
            "time{seconds:1,nanos:500000000}",
        ),
        ("time=1970-01-01T01:00:01%2B01:00", "time{seconds:1}"),
        ("wait=1.5s", "wait{seconds:1,nanos:500000000}"),
        (
            "mask=displayName,inner.firstWord",
            "mask{paths:[\"display_name\",\"inner.first_word\"]}",
        ),
        ("wrappedText=x", "wrapped_text{value:\"x\"}"),
        ("wrapped_number=5", "wrapped_number{value:5}"),
    ] {
        assert_eq!(
            accepted("GET", &format!("/v1/things?{query}"), ""),
            expected,
            "{query}"
        );
    }
    refused(
        "GET",
        "/v1/things?time=yesterday",
        "",
        "`yesterday` is not a timestamp",
    );
    refused("GET", "/v1/things?mask=display_name", "", "lowerCamelCase");
    refused("GET", "/v1/things?time.seconds=1", "", "no such field");
}

#[test]
fn c4_what_has_no_text_form_is_refused_in_queries() {
    for query in [
        "object=%7B%7D",
        "object.fields=1",
        "value=1",
        "value.stringValue=x",
        "values=1",
        "any=x",
        "any.typeUrl=x",
        "labels=1",
        "labels.a=1",
        "many=1",
        "many.count=1",
        "times=1",
        "inner=x",
        "anyValues=1",
    ] {
        refused("GET", &format!("/v1/things?{query}"), "", "query");
    }
}

#[test]
fn c5_a_body_may_be_a_bare_value() {
    for (path, body, expected) in [
        ("/v1/numbers", "[1, \"2\", 3e0]", "numbers:[1,2,3]"),
        ("/v1/numbers?text=a", "[]", "text:\"a\""),
        ("/v1/labels", r#"{"a": 1}"#, "labels:[{key:\"a\",value:1}]"),
        ("/v1/color", "\"COLOR_BLUE\"", "color:COLOR_BLUE"),
        ("/v1/color", "1", "color:COLOR_RED"),
        ("/v1/text", "\"plain\"", "text:\"plain\""),
        ("/v1/text", "null", ""),
    ] {
        assert_eq!(accepted("PUT", path, body), expected, "{path} {body}");
    }
    refused(
        "PUT",
        "/v1/numbers",
        "{}",
        "body `numbers` (line 1, column 1): expected an array",
    );
    refused(
        "PUT",
        "/v1/numbers",
        "[1,\"x\"]",
        "body `numbers[1]` (line 1, column 4)",
    );
    refused(
        "PUT",
        "/v1/numbers?numbers=1",
        "[1]",
        "it belongs into the body",
    );
}

#[test]
fn c6_an_empty_body_is_the_default_message() {
    assert_eq!(accepted("POST", "/v1/echo", ""), "");
    assert_eq!(
        accepted("POST", "/v1/shelves/1/things", ""),
        "parent:\"shelves/1\""
    );
    refused("GET", "/v1/things", "{}", "takes no body");
}

#[test]
fn c7_other_content_types_are_refused() {
    let route = API.route(&http::Method::POST, "/v1/echo").unwrap();
    let request = |content_type, body: &str| route.request(None, content_type, body.as_bytes());
    for (content_type, body) in [
        (Some("text/plain"), "{}"),
        (Some("text/plain"), ""),
        (Some("application/json; charset=latin1"), "{}"),
        (None, "{}"),
        (Some(""), "{}"),
    ] {
        assert_eq!(
            request(content_type, body),
            Err(RequestError::UnsupportedMediaType),
            "{content_type:?} {body}"
        );
    }
    for (content_type, body) in [
        (None, ""),
        (Some(""), ""),
        (Some("application/json"), ""),
        (Some("application/json; charset=UTF-8"), "{}"),
    ] {
        assert!(
            request(content_type, body).is_ok(),
            "{content_type:?} {body}"
        );
    }
}

#[test]
fn c8_bodies_are_strict_json() {
    let syntax = |body: &str, line, column| {
        let faults = faults("POST", "/v1/echo", body);
        let [fault] = &faults[..] else {
            panic!("{faults:?}")
        };
        assert_eq!(fault.place, Place::Body);
        assert_eq!(
            (fault.field.as_str(), fault.line, fault.column),
            ("", Some(line), Some(column))
        );
    };
    syntax("{\n  \"name\": \"a\",\n}", 3, 1);
    syntax("{} x", 1, 4);
    syntax("{\"name\": NaN}", 1, 10);
    syntax("\u{feff}{}", 1, 1);
    syntax("{\"name\": \"\\ud800\"}", 1, 11);
    let route = API.route(&http::Method::POST, "/v1/echo").unwrap();
    let error = route.request(None, Some("application/json"), b"{\"name\":\"\xff\"}");
    assert!(error.unwrap_err().to_string().contains("UTF-8"));
}

#[test]
fn c8_unknown_doubled_and_null_values_are_exact() {
    for (body, expected) in [
        (
            r#"{"absent": 1}"#,
            "body `absent` (line 1, column 12): there is no such field",
        ),
        (r#"{"inner": {"x": 1}}"#, "body `inner.x`"),
        (r#"{"many": [{}, {"x": 1}]}"#, "body `many[1].x`"),
        (r#"{"inners": {"1": {"x": 1}}}"#, "body `inners[\"1\"].x`"),
        (
            r#"{"name": "a", "name": "a"}"#,
            "body `name` (line 1, column 23): the field is there twice",
        ),
        (r#"{"displayName": "a", "display_name": "a"}"#, "twice"),
        (r#"{"labels": {"a": 1, "a": 2}}"#, "twice"),
        (r#"{"object": {"a": 1, "a": 2}}"#, "twice"),
        (
            r#"{"left": "a", "right": {}}"#,
            "only one of `left` and `right`",
        ),
        (r#"{"numbers": [1, null]}"#, "found null"),
        (r#"{"many": [null]}"#, "found null"),
        (r#"{"labels": {"a": null}}"#, "found null"),
        (r#"{"times": [null]}"#, "found null"),
        (r#"{"name": 1}"#, "expected a string, found a number"),
        (r#"{"inner": []}"#, "expected an object, found an array"),
        (
            r#"{"inners": {"x": {}}}"#,
            "the key `x` is not a decimal integer",
        ),
        (r#"{"color": "RED"}"#, "`RED` is not a value of the enum"),
        (r#"{"time": 5}"#, "expected a string"),
        (r#"[]"#, "expected an object, found an array"),
        (r#"null"#, "expected an object, found null"),
    ] {
        refused("POST", "/v1/echo", body, expected);
    }
    for (body, expected) in [
        (
            r#"{"name": null, "inner": null, "labels": null, "numbers": null, "time": null}"#,
            "",
        ),
        (r#"{"value": null}"#, "value{null_value:NULL_VALUE}"),
        (r#"{"nothing": null, "left": null}"#, "nothing:NULL_VALUE"),
        (
            r#"{"anyValues": [null, 1]}"#,
            "any_values:[{null_value:NULL_VALUE},{number_value:1.0}]",
        ),
        (r#"{"left": "a", "right": null}"#, "left:\"a\""),
        (r#"{"color": 77}"#, "color:77"),
    ] {
        assert_eq!(accepted("POST", "/v1/echo", body), expected, "{body}");
    }
}

#[test]
fn all_faults_are_told_at_once_but_not_without_end() {
    let faults_of = |body: &str| faults("POST", "/v1/things/1:stop?bad=1", body);
    let places: Vec<_> = faults_of(r#"{"x": 1, "name": 2, "color": "no"}"#)
        .iter()
        .map(|fault| (fault.place, fault.field.clone()))
        .collect();
    let body = |field: &str| (Place::Body, field.to_owned());
    assert_eq!(
        places,
        [
            body("x"),
            body("name"),
            body("color"),
            (Place::Query, "bad".to_owned())
        ]
    );
    let many = format!("{{\"numbers\": [{}true]}}", "true,".repeat(1000));
    assert_eq!(faults_of(&many).len(), resido_transcode::MAX_FAULTS);
}

#[test]
fn c9_depth_is_64() {
    let nested = |depth: usize| {
        format!(
            "{}{}",
            "{\"parent\":".repeat(depth) + "{}",
            "}".repeat(depth)
        )
    };
    assert!(super::shapes::request("POST", "/v1/echo", &nested(63)).is_ok());
    refused("POST", "/v1/echo", &nested(64), "more than 64");
    refused(
        "POST",
        "/v1/echo",
        &format!("{{\"value\":{}", "[".repeat(100_000)),
        "more than 64",
    );
}

#[test]
fn c10_a_patch_mask_is_filled_from_the_keys() {
    let mask = |target: &str, body: &str| {
        let message = super::shapes::request("PATCH", target, body).unwrap();
        let mask = message.get_field_by_name("update_mask").unwrap();
        let paths = mask
            .as_message()
            .unwrap()
            .get_field_by_name("paths")
            .unwrap();
        let paths = paths.as_list().unwrap().iter();
        paths
            .map(|path| path.as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let path = "/v1/things/1";
    for (body, expected) in [
        (r#"{"displayName": "a"}"#, vec!["display_name"]),
        (r#"{"display_name": null}"#, vec!["display_name"]),
        (
            r#"{"inner": {"firstWord": "x", "count": 1}}"#,
            vec!["inner.first_word", "inner.count"],
        ),
        (r#"{"inner": {}}"#, vec!["inner"]),
        (r#"{"many": [{"count": 1}]}"#, vec!["many"]),
        (r#"{"labels": {"a": 1}}"#, vec!["labels"]),
        (r#"{"object": {"a": {"b": 1}}}"#, vec!["object"]),
        (r#"{"time": "1970-01-01T00:00:00Z"}"#, vec!["time"]),
        (r#"{"name": "things/1", "text": "t"}"#, vec!["text"]),
        (r#"{}"#, vec![]),
    ] {
        assert_eq!(mask(path, body), expected, "{body}");
    }
    assert_eq!(
        mask("/v1/things/1?updateMask=text", r#"{"displayName": "a"}"#),
        ["text"]
    );
}

#[test]
fn c12_http_bodies_are_taken_as_they_are() {
    let route = API
        .route(&http::Method::POST, "/v1/files/a:upload")
        .unwrap();
    let bytes = route
        .request(Some("note=n"), Some("image/png"), b"\x89PNG\xff")
        .unwrap();
    let descriptor = super::shapes::POOL
        .get_message_by_name("shapes.v1.UploadRequest")
        .unwrap();
    let message = prost_reflect::DynamicMessage::decode(descriptor, bytes.as_slice()).unwrap();
    assert_eq!(
        message.to_string(),
        "name:\"files/a\",file{content_type:\"image/png\",data:\"\\211PNG\\377\"},note:\"n\""
    );
    let raw = API.route(&http::Method::POST, "/v1/raw").unwrap();
    assert_eq!(
        raw.request(None, Some("a/b"), b"c").unwrap(),
        b"\x0a\x03a/b\x12\x01c"
    );
    assert!(raw.request(Some("x=1"), Some("a/b"), b"c").is_err());
}

#[test]
fn unknown_fields_may_be_ignored() {
    let lenient = api(JsonOptions {
        unknown_fields: UnknownFields::Ignore,
        ..JsonOptions::default()
    });
    let accepted = |target: &str, body: &str| {
        request_of(&lenient, "POST", target, body)
            .unwrap()
            .to_string()
    };
    let body = r#"{"x": {"y": [1]}, "inner": {"z": 1}, "color": "NEW", "colors": ["NEW", 1]}"#;
    assert_eq!(
        accepted("/v1/echo?utm=1", body),
        "colors:[COLOR_RED],inner{}"
    );
    // Doubled and conflicting values stay refused.
    let refused = |target: &str, body: &str| {
        assert!(
            request_of(&lenient, "POST", target, body).is_err(),
            "{body}"
        );
    };
    refused("/v1/echo", r#"{"name": "a", "name": "a"}"#);
    refused("/v1/things/1:stop", r#"{"name": "things/2"}"#);
    refused("/v1/things/1:stop?name=things/2", "");
}
