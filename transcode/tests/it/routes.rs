//! Paths lead to methods, and variables keep what the path says.

use http::Method;
use resido_transcode::RouteError;

use super::shapes::{API, accepted};

fn route(verb: &str, path: &str) -> Option<String> {
    let verb = Method::from_bytes(verb.as_bytes()).unwrap();
    let route = API.route(&verb, path).ok()?;
    Some(format!("{} {}", route.method().name, route.template()))
}

#[test]
fn paths_lead_to_methods() {
    for (verb, path, expected) in [
        ("GET", "/v1/things", Some("Search /v1/things")),
        ("GET", "/v1/things/a", Some("Get /v1/{name=things/*}")),
        ("GET", "/v1/things:watch", Some("Watch /v1/things:watch")),
        (
            "POST",
            "/v1/things/a:stop",
            Some("Stop /v1/{name=things/*}:stop"),
        ),
        ("REPORT", "/v1/typed", Some("Typed /v1/typed")),
        ("HEAD", "/v1/things", Some("Search /v1/things")),
        ("GET", "/v1/things/", None),
        ("GET", "//v1/things", None),
        ("GET", "/v1/Things", None),
        ("GET", "/v2/things", None),
    ] {
        assert_eq!(route(verb, path).as_deref(), expected, "{verb} {path}");
    }
}

#[test]
fn a_route_tells_what_goes_through_it() {
    let route = |verb: Method, path| API.route(&verb, path).unwrap();
    let upload = route(Method::POST, "/v1/files/a:upload");
    assert!(upload.takes_body() && upload.raw_request() && upload.raw_response());
    let raw = route(Method::POST, "/v1/raw");
    assert!(raw.raw_request() && raw.raw_response());
    let search = route(Method::GET, "/v1/things");
    assert!(!search.takes_body() && !search.raw_request() && !search.raw_response());
    assert!(
        route(Method::GET, "/v1/things:watch")
            .method()
            .server_streaming
    );
}

#[test]
fn b4_the_methods_of_a_path_are_told() {
    let names = |path| {
        let allowed = API.allowed(path).into_iter();
        allowed.map(|method| method.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names("/v1/things/a"), ["GET", "HEAD", "PATCH"]);
    assert_eq!(names("/v1/things/a:stop"), ["POST"]);
    assert_eq!(names("/v1/typed"), ["REPORT"]);
    assert!(names("/nowhere").is_empty());
    assert!(names("/v1/../v1").is_empty());
    let error = API.route(&Method::POST, "/v1/things/a").unwrap_err();
    let RouteError::MethodNotAllowed { allow } = error else {
        panic!("{error}")
    };
    assert_eq!(allow, [Method::GET, Method::HEAD, Method::PATCH]);
}

#[test]
fn bad_paths_lead_nowhere() {
    for path in [
        "/v1/things/..",
        "/v1/things/%00",
        "/v1/things/%",
        "/v1\\things",
    ] {
        let error = API.route(&Method::GET, path).unwrap_err();
        assert!(matches!(error, RouteError::BadPath(_)), "{path}: {error}");
    }
    assert_eq!(
        API.route(&Method::GET, "/").unwrap_err(),
        RouteError::NotFound
    );
}

#[test]
fn variables_are_decoded_by_their_width() {
    for (path, name) in [
        ("/v1/things/a%20b+c", "things/a b+c"),
        ("/v1/things/a%2Fb", "things/a%2Fb"),
        ("/v1/things/a:other", "things/a:other"),
        ("/v1/things/a%3Astop", "things/a:stop"),
        ("/v1/shelves/s/things/%C3%A4", "shelves/s/things/\\303\\244"),
        ("/v1/files/a/b%2fc/d", "a/b%2fc/d"),
        ("/v1/files", ""),
    ] {
        let expected = if name.is_empty() {
            String::new()
        } else {
            format!("name:\"{name}\"")
        };
        assert_eq!(accepted("GET", path, ""), expected, "{path}");
    }
    let text = accepted(
        "GET",
        "/v1/typed/-5/18446744073709551615/true/COLOR_RED/-_8/NaN",
        "",
    );
    assert_eq!(
        text,
        "i32:-5,u64:18446744073709551615,ratio:NaN,flag:true,data:\"\\373\\377\",color:COLOR_RED"
    );
}

#[test]
fn methods_and_bindings_are_listed() {
    assert_eq!(API.methods().len(), 15);
    assert_eq!(API.bindings().count(), 23);
    let unbound = API.method("/shapes.v1.Things/Unbound").unwrap();
    assert_eq!(unbound.full_name(), "shapes.v1.Things.Unbound");
    assert!(API.method("/shapes.v1.Things/Nothing").is_none());
    let first = API.bindings().next().unwrap();
    assert_eq!(
        (first.verb, first.template),
        ("POST", "/v1/{parent=shelves/*}/things")
    );
}
