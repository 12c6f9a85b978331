//! What cannot be served is refused at load, every fault by name (B1).

use resido_transcode::{Api, HttpRule, JsonOptions, Source};

use super::shapes::{SET, compile_proto, source};

/// Compiles with these rules for `Things.Unbound` and returns all faults.
fn faults_of(rules: &[HttpRule]) -> String {
    let source = Source {
        rules,
        ..source(&SET)
    };
    Api::compile(&[source]).unwrap_err().to_string()
}

fn rule(json: serde_json::Value) -> HttpRule {
    let mut rule: HttpRule = serde_json::from_value(json).unwrap();
    if rule.selector.is_empty() {
        rule.selector = "shapes.v1.Things.Echo".to_owned();
    }
    rule
}

#[test]
fn b1_bad_bindings_name_method_and_template() {
    for (json, expected) in [
        (serde_json::json!({"get": "/a{x}"}), "cannot follow"),
        (serde_json::json!({"get": "v1"}), "start with"),
        (serde_json::json!({"get": "/v1/{absent}"}), "no such field"),
        (
            serde_json::json!({"get": "/v1/{displayName}"}),
            "no such field",
        ),
        (serde_json::json!({"get": "/v1/{numbers}"}), "is repeated"),
        (serde_json::json!({"get": "/v1/{labels}"}), "is a map"),
        (serde_json::json!({"get": "/v1/{inner}"}), "is a message"),
        (serde_json::json!({"get": "/v1/{time}"}), "is a message"),
        (
            serde_json::json!({"get": "/v1/{many.count}"}),
            "a repeated message",
        ),
        (serde_json::json!({"get": "/v1/{labels.key}"}), "a map"),
        (
            serde_json::json!({"get": "/v1/{time.seconds}"}),
            "no such field",
        ),
        (
            serde_json::json!({"get": "/v1/{object.fields}"}),
            "without fields",
        ),
        (
            serde_json::json!({"post": "/v1/x", "body": "absent"}),
            "body: `shapes.v1.Thing` has no field",
        ),
        (
            serde_json::json!({"post": "/v1/x", "body": "inner.count"}),
            "body",
        ),
        (
            serde_json::json!({"post": "/v1/{text}", "body": "text"}),
            "the path binds `text` too",
        ),
        (
            serde_json::json!({"get": "/v1/x", "response_body": "absent"}),
            "response_body",
        ),
        (
            serde_json::json!({"get": "/v1/x", "post": "/v1/x"}),
            "exactly one",
        ),
        (serde_json::json!({}), "exactly one"),
        (
            serde_json::json!({"custom": {"kind": "A B", "path": "/x"}}),
            "not an HTTP method",
        ),
    ] {
        let text = faults_of(&[rule(json.clone())]);
        assert!(text.contains(expected), "{json}: {text}");
        assert!(
            text.contains("upstream `shapes`, method `shapes.v1.Things.Echo`"),
            "{text}"
        );
        if let Some(template) = json.get("get").and_then(|template| template.as_str()) {
            assert!(text.contains(template), "{text}");
        }
    }
}

#[test]
fn b1_all_faults_are_told_together() {
    let text = faults_of(&[
        rule(
            serde_json::json!({"get": "/{a}/{b}", "additional_bindings": [
                {"get": "/x", "additional_bindings": [{"get": "/y"}]}
            ]}),
        ),
        rule(serde_json::json!({"selector": "shapes.v1.Things.Get", "get": "/v1/{x}"})),
        rule(serde_json::json!({"selector": "no.Such.Method", "get": "/"})),
    ]);
    assert_eq!(text.lines().count(), 5, "{text}");
    for part in [
        "`a`",
        "`b`",
        "of its own",
        "`no.Such.Method` names no exposed",
        "GET /v1/{x}",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn the_same_method_and_template_twice_is_refused() {
    for json in [
        serde_json::json!({"get": "/v1/{name=things/*}"}),
        serde_json::json!({"get": "/v1/{text=things/*}"}),
    ] {
        let text = faults_of(&[rule(json)]);
        assert!(text.contains("is bound to the same paths"), "{text}");
        assert!(text.contains("shapes.v1.Things.Get"), "{text}");
    }
}

#[test]
fn later_rules_win_over_earlier_ones_and_annotations() {
    let rules = [
        rule(serde_json::json!({"post": "/v2/first", "body": "*"})),
        rule(serde_json::json!({"post": "/v2/last", "body": "*"})),
        rule(serde_json::json!({"selector": "shapes.v1.Things.Unbound", "get": "/v2/{name}"})),
    ];
    let source = Source {
        rules: &rules,
        ..source(&SET)
    };
    let api = Api::compile(&[source]).unwrap();
    let bound = |verb: &str, path| {
        let verb = http::Method::from_bytes(verb.as_bytes()).unwrap();
        api.route(&verb, path).is_ok()
    };
    assert!(bound("POST", "/v2/last") && bound("GET", "/v2/a"));
    assert!(!bound("POST", "/v2/first") && !bound("POST", "/v1/echo"));
}

#[test]
fn services_can_be_chosen_and_must_exist() {
    let set = compile_proto(
        "syntax = \"proto3\"; package a; message M {} \
         service A { rpc X(M) returns (M); } service B { rpc X(M) returns (M); }",
    );
    let chosen = |names: &[&str]| {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let source = Source {
            services: Some(&names),
            ..source(&set)
        };
        Api::compile(&[source]).map(|api| {
            let methods = api.methods().iter();
            methods
                .map(|method| method.path.clone())
                .collect::<Vec<_>>()
        })
    };
    assert_eq!(chosen(&["a.B"]).unwrap(), ["/a.B/X"]);
    assert!(
        chosen(&["a.C"])
            .unwrap_err()
            .to_string()
            .contains("no service `a.C`")
    );
    assert!(chosen(&[]).unwrap().is_empty());
    let twice = Api::compile(&[source(&set), source(&set)]).unwrap_err();
    assert_eq!(twice.0.len(), 2);
    assert!(twice.to_string().contains("another upstream"));
}

#[test]
fn a_broken_descriptor_set_is_a_fault_and_no_crash() {
    for bytes in [&b"\xff\xff"[..], b"\x0a\x03\x0a\x01"] {
        let error = Api::compile(&[source(bytes)]).unwrap_err();
        assert!(error.to_string().contains("descriptor set"), "{error}");
    }
    let mut set = SET.clone();
    for at in (0..set.len()).step_by(199) {
        let byte = set[at];
        set[at] ^= 0x55;
        // Whatever comes of it, it comes back.
        if let Ok(api) = Api::compile(&[source(&set)]) {
            let info = resido_transcode::OpenApiInfo::default();
            let document = api.openapi(&info, &|_| resido_transcode::Visibility::Anonymous);
            assert!(document.is_object());
        }
        set[at] = byte;
    }
}

#[test]
fn options_keep_the_bytes_of_extensions() {
    use prost::Message as _;
    let api = Api::compile(&[Source {
        name: "housing",
        descriptor_set: resido_proto::DESCRIPTOR_SET,
        services: Some(&["resido.housing.v1.HousingService".to_owned()]),
        json: JsonOptions::default(),
        rules: &[],
    }])
    .unwrap();

    #[derive(Clone, PartialEq, prost::Message)]
    struct Options {
        #[prost(message, optional, tag = "50810")]
        policy: Option<resido_proto::options::v1::MethodPolicy>,
    }
    let method = api
        .method("/resido.housing.v1.HousingService/CreateProperty")
        .unwrap();
    let options = Options::decode(method.options.as_slice()).unwrap();
    assert_eq!(options.policy.unwrap().permission, "properties.write");
    let route = api.route(&http::Method::GET, "/v1/properties/p1").unwrap();
    assert_eq!(route.method().name, "GetProperty");
}
