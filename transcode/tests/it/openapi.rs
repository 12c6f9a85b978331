//! The OpenAPI document (P2).

use std::collections::BTreeSet;

use resido_transcode::{Api, JsonOptions, OpenApiInfo, Source, Visibility};
use serde_json::{Value, json};

use super::shapes::API;

fn document(api: &Api) -> Value {
    let info = OpenApiInfo {
        title: "Shapes".into(),
        version: "1".into(),
        ..OpenApiInfo::default()
    };
    api.openapi(&info, &|method| match method.name.as_str() {
        "Stop" => Visibility::Hidden,
        "Search" => Visibility::Anonymous,
        _ => Visibility::Authenticated,
    })
}

/// Calls `visit` for every value with its place.
fn walk(value: &Value, place: &str, visit: &mut dyn FnMut(&str, &Value)) {
    visit(place, value);
    match value {
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                walk(value, &format!("{place}/{index}"), visit);
            }
        }
        Value::Object(map) => {
            for (key, value) in map {
                let key = key.replace('~', "~0").replace('/', "~1");
                walk(value, &format!("{place}/{key}"), visit);
            }
        }
        _ => {}
    }
}

/// Checks what a validator would: references, ids and parameters.
fn check(document: &Value) {
    walk(document, "", &mut |place, value| {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            let target = reference.trim_start_matches('#');
            assert!(document.pointer(target).is_some(), "{place}: {reference}");
        }
    });
    let mut ids = BTreeSet::new();
    let mut shapes = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let named: Vec<_> = path
            .split('{')
            .skip(1)
            .map(|rest| rest.split('}').next().unwrap())
            .collect();
        let shape = named.iter().fold(path.clone(), |path, name| {
            path.replacen(&format!("{{{name}}}"), "{}", 1)
        });
        assert!(shapes.insert(shape), "{path} is there twice");
        for (verb, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{id} is there twice");
            let parameters = operation["parameters"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            let keys: BTreeSet<_> = parameters
                .iter()
                .map(|parameter| (parameter["in"].to_string(), parameter["name"].to_string()))
                .collect();
            assert_eq!(keys.len(), parameters.len(), "{verb} {path}");
            let in_path: Vec<_> = parameters
                .iter()
                .filter(|parameter| parameter["in"] == "path")
                .map(|parameter| parameter["name"].as_str().unwrap())
                .collect();
            assert_eq!(in_path, named, "{verb} {path}");
            assert!(operation["responses"]["default"].is_object());
        }
    }
}

#[test]
fn p2_the_document_is_sound() {
    let document = document(&API);
    check(&document);
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"], json!({"title": "Shapes", "version": "1"}));
    assert_eq!(
        document["tags"],
        json!([{"name": "shapes.v1.Things", "description": "Things and what can be done with them."}])
    );
}

#[test]
fn p2_the_document_of_our_own_services_is_sound() {
    let api = Api::compile(&[Source {
        name: "all",
        descriptor_set: resido_proto::DESCRIPTOR_SET,
        services: None,
        json: JsonOptions::default(),
        rules: &[],
    }])
    .unwrap();
    let document = document(&api);
    check(&document);
    let get = &document["paths"]["/v1/properties/{property}"]["get"];
    assert_eq!(get["operationId"], "HousingService_GetProperty");
}

#[test]
fn p2_operations_say_who_may_call_them() {
    let document = document(&API);
    let paths = &document["paths"];
    assert!(paths.get("/v1/things/{thing}:stop").is_none(), "hidden");
    assert_eq!(paths["/v1/things"]["get"]["security"], json!([]));
    assert_eq!(
        paths["/v1/things/{thing}"]["get"]["security"],
        json!([{"bearer": []}, {"apiKey": []}])
    );
    // HTTP methods that OpenAPI does not know are left out.
    assert!(paths.get("/v1/typed").is_none());
}

#[test]
fn p2_parameters_come_from_path_and_query() {
    let document = document(&API);
    let create = &document["paths"]["/v1/shelves/{shelve}/things"]["post"];
    let names: Vec<_> = create["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|parameter| parameter["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["shelve", "requestId"]);
    assert_eq!(create["description"], "Makes a thing.");
    assert_eq!(
        create["requestBody"]["content"]["application/json"]["schema"],
        json!({"$ref": "#/components/schemas/shapes.v1.Thing"})
    );
    let search = document["paths"]["/v1/things"]["get"]["parameters"].to_string();
    for name in [
        "\"numbers\"",
        "\"inner.firstWord\"",
        "\"time\"",
        "\"scalars.i32\"",
        "\"wrappedText\"",
    ] {
        assert!(search.contains(name), "{name}");
    }
    for name in ["\"labels\"", "\"many", "\"object", "\"any", "\"value"] {
        assert!(!search.contains(name), "{name}");
    }
}

#[test]
fn p2_schemas_say_what_json_looks_like() {
    let document = document(&API);
    let thing = &document["components"]["schemas"]["shapes.v1.Thing"];
    assert_eq!(thing["description"], "A thing.");
    assert_eq!(thing["required"], json!(["displayName"]));
    let property = |name: &str| thing["properties"][name].clone();
    assert_eq!(
        property("name"),
        json!({"type": "string", "description": "Its name."})
    );
    assert_eq!(
        property("numbers"),
        json!({"type": "array", "items": {"type": "string", "format": "int64", "pattern": "^-?[0-9]+$"}})
    );
    assert_eq!(
        property("time"),
        json!({"type": "string", "format": "date-time", "readOnly": true})
    );
    assert_eq!(
        property("parent"),
        json!({"$ref": "#/components/schemas/shapes.v1.Thing"})
    );
    assert_eq!(property("value"), json!({}));
    assert_eq!(
        document["components"]["schemas"]["shapes.v1.Color"],
        json!({"type": "string", "enum": ["COLOR_UNSPECIFIED", "COLOR_RED", "COLOR_BLUE"]})
    );
}

#[test]
fn p2_streams_and_raw_bodies_have_their_media_types() {
    let document = document(&API);
    let answer = |path: &str, verb: &str| {
        let content = &document["paths"][path][verb]["responses"]["200"]["content"];
        content
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(
        answer("/v1/things:watch", "get"),
        ["application/json", "application/x-ndjson"]
    );
    assert_eq!(answer("/v1/raw", "post"), ["*/*"]);
    assert_eq!(answer("/v1/things", "get"), ["application/json"]);
    assert_eq!(answer("/v1/files/{file}:send", "post"), ["*/*"]);
    let asked = |path: &str| document["paths"][path]["post"]["requestBody"]["content"].clone();
    let thing = json!({"$ref": "#/components/schemas/shapes.v1.Thing"});
    for path in ["/v1/things:collect", "/v1/shelves/{shelve}/things:import"] {
        let content = asked(path);
        assert_eq!(content["application/x-ndjson"]["schema"], thing, "{path}");
        let array = json!({"type": "array", "items": thing});
        assert_eq!(content["application/json"]["schema"], array, "{path}");
    }
    assert_eq!(
        asked("/v1/files/{file}:send"),
        json!({"*/*": {"schema": {}}})
    );
}

#[test]
fn p2_the_document_follows_the_spellings_of_its_source() {
    let api = super::shapes::api(JsonOptions {
        enums: resido_transcode::Enums::Number,
        field_names: resido_transcode::FieldNames::Proto,
        ..JsonOptions::default()
    });
    let document = document(&api);
    check(&document);
    let thing = &document["components"]["schemas"]["shapes.v1.Thing"];
    assert_eq!(thing["required"], json!(["display_name"]));
    assert!(thing["properties"].get("displayName").is_none());
    assert_eq!(
        document["components"]["schemas"]["shapes.v1.Color"],
        json!({"type": "integer", "format": "int32"})
    );
    let search = document["paths"]["/v1/things"]["get"]["parameters"].to_string();
    assert!(search.contains("\"inner.first_word\""));
}

#[test]
fn p2_the_head_says_what_it_was_given() {
    let info = OpenApiInfo {
        title: "T".into(),
        version: "2".into(),
        description: "All of it.".into(),
        servers: vec!["https://api.example".into()],
    };
    let document = API.openapi(&info, &|_| Visibility::Hidden);
    assert_eq!(
        document["info"],
        json!({"title": "T", "version": "2", "description": "All of it."})
    );
    assert_eq!(document["servers"], json!([{"url": "https://api.example"}]));
    assert_eq!(document["paths"], json!({}));
    assert_eq!(document["tags"], json!([]));
    check(&document);
}

#[test]
fn p2_bindings_of_one_shape_share_a_path() {
    let set = super::shapes::compile_proto(
        r#"
        syntax = "proto3";
        package a.v1;
        import "google/api/annotations.proto";
        message M { string name = 1; string id = 2; }
        service A {
          rpc Get(M) returns (M) { option (google.api.http) = { get: "/v1/{name=things/*}" }; }
          rpc Put(M) returns (M) { option (google.api.http) = { put: "/v1/things/{id}" body: "*" }; }
          rpc Other(M) returns (M) {
            option deprecated = true;
            option (google.api.http) = { get: "/v1/things/{id}" };
          }
        }
        service B {
          rpc Get(M) returns (M) { option (google.api.http) = { get: "/v1/b/*/{name=**}" }; }
          // Twice.
          rpc Two(M) returns (M) {
            option deprecated = true;
            option (google.api.http) = { get: "/v1/two" additional_bindings { get: "/v1/deux" } };
          }
        }
        "#,
    );
    let api = Api::compile(&[super::shapes::source(&set)]).unwrap();
    let document = document(&api);
    check(&document);
    let item = document["paths"]["/v1/things/{thing}"].as_object().unwrap();
    assert_eq!(item.keys().collect::<Vec<_>>(), ["get", "put"]);
    assert!(document["paths"]["/v1/b/{b}/{name}"]["get"].is_object());
    let two = &document["paths"]["/v1/deux"]["get"];
    assert_eq!(two["operationId"], "B_Two_2");
    assert_eq!(two["deprecated"], json!(true));
    assert_eq!(two["description"], "Twice.");
}
