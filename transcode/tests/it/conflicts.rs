//! The path decides: who says otherwise is refused (C1).

use super::shapes::{accepted, refused};

#[test]
fn c1_a_query_may_repeat_the_path_but_not_contradict_it() {
    let name = "name:\"things/1\"";
    assert_eq!(accepted("GET", "/v1/things/1?name=things/1", ""), name);
    assert_eq!(accepted("GET", "/v1/things/1?name=things%2F1", ""), name);
    refused(
        "GET",
        "/v1/things/1?name=things/2",
        "",
        "query `name`: the query says `things/2`, the path something else",
    );
    refused("GET", "/v1/things/1?name=", "", "the path something else");
    // A body for the whole message forbids queries, but not this repetition.
    assert_eq!(
        accepted("POST", "/v1/things/1:stop?name=things/1", ""),
        name
    );
    refused(
        "POST",
        "/v1/things/1:stop?text=x",
        "",
        "it belongs into the body",
    );
}

#[test]
fn c1_a_body_may_repeat_the_path_but_not_contradict_it() {
    let path = "/v1/things/1:stop";
    assert_eq!(
        accepted("POST", path, r#"{"name": "things/1"}"#),
        "name:\"things/1\""
    );
    assert_eq!(
        accepted("POST", path, r#"{"name": null}"#),
        "name:\"things/1\""
    );
    for body in [r#"{"name": "things/2"}"#, r#"{"name": ""}"#] {
        refused(
            "POST",
            path,
            body,
            "path `name`: the path says `things/1`, the body something else",
        );
    }
}

#[test]
fn c1_nested_variables_bind_into_the_body() {
    let path = "/v1/things/1";
    let expected = "thing{name:\"things/1\"},update_mask{}";
    for body in ["{}", "null", r#"{"name": "things/1"}"#, r#"{"name": null}"#] {
        let text = accepted("PATCH", path, body);
        assert!(
            text.starts_with("thing{name:\"things/1\"}"),
            "{body}: {text}"
        );
    }
    assert_eq!(accepted("PATCH", path, r#"{"name": "things/1"}"#), expected);
    refused(
        "PATCH",
        path,
        r#"{"name": "things/2"}"#,
        "path `thing.name`",
    );
    refused(
        "PATCH",
        "/v1/things/1?thing.text=x",
        "{}",
        "it belongs into the body",
    );
    refused(
        "PATCH",
        "/v1/things/1?thing.name=things/2",
        "{}",
        "query `thing.name`",
    );
}

#[test]
fn a_bad_value_in_the_path_is_named() {
    for (path, expected) in [
        (
            "/v1/typed/x/1/true/0/-_8/1",
            "path `i32`: `x` is not a decimal integer",
        ),
        (
            "/v1/typed/1/-1/true/0/-_8/1",
            "path `u64`: `-1` is not an unsigned integer",
        ),
        ("/v1/typed/1/1/yes/0/-_8/1", "path `flag`"),
        ("/v1/typed/1/1/true/RED/-_8/1", "path `color`"),
        ("/v1/typed/1/1/true/0/!/1", "path `data`: `!` is not base64"),
        ("/v1/typed/1/1/true/0/-_8/one", "path `ratio`"),
    ] {
        refused("GET", path, "", expected);
    }
}
