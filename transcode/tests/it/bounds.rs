//! What a client sends costs what it weighs, and no answer repeats it at
//! length: hostile shapes of path, query and body.

use std::time::{Duration, Instant};

use resido_transcode::{MAX_FAULTS, RequestError, RouteError};

use super::shapes::{API, faults, refused, request};

/// Far more than any of these takes; a shape that costs its square or worse
/// takes minutes.
const PATIENCE: Duration = Duration::from_secs(10);

fn in_time(work: impl FnOnce()) {
    let start = Instant::now();
    work();
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
}

#[test]
fn paths_of_any_length_are_looked_up_quickly() {
    in_time(|| {
        for path in [
            format!("/v1/things/{}", ":stop".repeat(200_000)),
            format!("/v1/things/a{}", ":".repeat(1_000_000)),
            format!("/v1/files{}", "/a".repeat(100_000)),
            format!("/v1/files/{}x:stop", "a/".repeat(100_000)),
            format!("/v1/things/{}", "%41".repeat(300_000)),
            "/".repeat(1_000_000),
        ] {
            let _outcome = API.route(&http::Method::GET, &path).is_ok();
            assert!(API.allowed(&path).len() <= 7);
        }
    });
}

#[test]
fn a_verb_is_cut_off_once_however_often_it_is_there() {
    let path = format!("/v1/things/a{}", ":stop".repeat(1000));
    let route = API.route(&http::Method::POST, &path).unwrap();
    assert_eq!(route.method().name, "Stop");
    assert_eq!(
        API.route(&http::Method::POST, "/v1/things/a:stop:")
            .unwrap_err(),
        RouteError::MethodNotAllowed {
            allow: vec![http::Method::GET, http::Method::HEAD, http::Method::PATCH]
        },
        "the verb `stop:` is not registered, so this is the name of a thing"
    );
}

#[test]
fn queries_are_bounded_in_number_and_depth() {
    in_time(|| {
        let many = "numbers=1&".repeat(100_000);
        refused("GET", &format!("/v1/things?{many}"), "", "more than 1000");
        let wrong = "numbers=x&".repeat(1000);
        assert_eq!(
            faults("GET", &format!("/v1/things?{wrong}"), "").len(),
            MAX_FAULTS
        );
        let long = format!("/v1/things?text={}", "%41".repeat(1_000_000));
        assert!(request("GET", &long, "").is_ok());
        let dots = format!("/v1/things?{}=1", "parent.".repeat(100_000));
        assert_eq!(faults("GET", &dots, "").len(), 1);
    });
    let deepest = format!("/v1/things?{}name=x", "parent.".repeat(31));
    assert!(request("GET", &deepest, "").is_ok());
    refused(
        "GET",
        &format!("/v1/things?{}name=x", "parent.".repeat(32)),
        "",
        "too deep",
    );
}

#[test]
fn bodies_cost_what_they_weigh() {
    in_time(|| {
        let list = format!("{{\"numbers\": [{}0]}}", "1,".repeat(100_000));
        assert!(request("POST", "/v1/echo", &list).is_ok());
        let keys: Vec<_> = (0..10_000)
            .map(|key| format!("\"k{key}\": {key}"))
            .collect();
        let keys = keys.join(",");
        assert!(request("POST", "/v1/echo", &format!("{{\"labels\": {{{keys}}}}}")).is_ok());
        assert!(request("POST", "/v1/echo", &format!("{{\"object\": {{{keys}}}}}")).is_ok());
        // Unknown keys are counted, not listed.
        assert_eq!(
            faults("POST", "/v1/echo", &format!("{{{keys}}}")).len(),
            MAX_FAULTS
        );
        let text = format!("{{\"text\": \"{}\"}}", "\\u0041".repeat(100_000));
        assert!(request("POST", "/v1/echo", &text).is_ok());
        let number = format!("{{\"exact\": {}}}", "1".repeat(100_000));
        assert!(request("POST", "/v1/echo", &number).is_err());
        let number = format!("{{\"scalars\": {{\"i32\": 1{}}}}}", "0".repeat(100_000));
        assert!(request("POST", "/v1/echo", &number).is_err());
    });
}

#[test]
fn an_any_inside_an_any_is_read_in_time() {
    // The type stands last, so that every level is looked through first.
    let mut any = "{\"@type\": \"t/shapes.v1.Inner\"}".to_owned();
    for _ in 0..60 {
        any = format!("{{\"value\": {any}, \"@type\": \"t/google.protobuf.Any\"}}");
    }
    in_time(|| {
        assert!(request("POST", "/v1/echo", &format!("{{\"any\": {any}}}")).is_ok());
        let wide = vec!["1"; 40_000].join(",");
        let mut any =
            format!("{{\"value\": [{wide}], \"@type\": \"t/google.protobuf.ListValue\"}}");
        for _ in 0..50 {
            any = format!("{{\"value\": {any}, \"@type\": \"t/google.protobuf.Any\"}}");
        }
        assert!(request("POST", "/v1/echo", &format!("{{\"any\": {any}}}")).is_ok());
    });
}

#[test]
fn messages_to_clients_stay_short() {
    let long = "x".repeat(100_000);
    for (verb, target, body) in [
        ("GET", format!("/v1/things?color={long}"), String::new()),
        ("GET", format!("/v1/things?{long}=1"), String::new()),
        ("GET", format!("/v1/things/1?name={long}"), String::new()),
        (
            "GET",
            format!("/v1/typed/{long}/1/true/0/AA/0"),
            String::new(),
        ),
        ("POST", "/v1/echo".to_owned(), format!("{{\"{long}\": 1}}")),
        (
            "POST",
            "/v1/echo".to_owned(),
            format!("{{\"color\": \"{long}\"}}"),
        ),
        (
            "POST",
            "/v1/echo".to_owned(),
            format!("{{\"inners\": {{\"{long}\": {{}}}}}}"),
        ),
        (
            "POST",
            "/v1/echo".to_owned(),
            format!("{{\"any\": {{\"@type\": \"{long}\"}}}}"),
        ),
        (
            "POST",
            "/v1/echo".to_owned(),
            format!("{{\"time\": \"{long}\"}}"),
        ),
        (
            "POST",
            "/v1/echo".to_owned(),
            format!("{{\"wait\": \"{long}\"}}"),
        ),
        (
            "POST",
            "/v1/things/1:stop".to_owned(),
            format!("{{\"name\": \"{long}\"}}"),
        ),
    ] {
        let error = request(verb, &target, &body).unwrap_err();
        let RequestError::Invalid(found) = &error else {
            panic!("{error}")
        };
        assert_eq!(found.len(), 1, "{error}");
        assert!(
            error.to_string().len() < 300,
            "{} bytes",
            error.to_string().len()
        );
    }
}
