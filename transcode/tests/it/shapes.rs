//! The API under test and short ways to use it.

use std::sync::LazyLock;

use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage};
use resido_transcode::{Api, FieldFault, JsonOptions, RequestError, Source};
use serde_json::Value;

/// `shapes.proto`, compiled.
pub(crate) static SET: LazyLock<Vec<u8>> =
    LazyLock::new(|| compile_proto(include_str!("shapes.proto")));

pub(crate) static POOL: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(SET.as_slice()).unwrap());

pub(crate) static API: LazyLock<Api> = LazyLock::new(|| api(JsonOptions::default()));

/// A file of its own for the compiler, beside the protos of the workspace.
struct OneFile(&'static str);

impl protox::file::FileResolver for OneFile {
    fn open_file(&self, name: &str) -> Result<protox::file::File, protox::Error> {
        if name == "test.proto" {
            return protox::file::File::from_source(name, self.0);
        }
        let protos = concat!(env!("CARGO_MANIFEST_DIR"), "/../proto");
        let mut chain = protox::file::ChainFileResolver::new();
        chain.add(protox::file::GoogleFileResolver::new());
        chain.add(protox::file::IncludeFileResolver::new(protos.into()));
        chain.open_file(name)
    }
}

pub(crate) fn compile_proto(text: &'static str) -> Vec<u8> {
    protox::Compiler::with_file_resolver(OneFile(text))
        .include_imports(true)
        .include_source_info(true)
        .open_file("test.proto")
        .unwrap()
        .encode_file_descriptor_set()
}

pub(crate) fn source(set: &[u8]) -> Source<'_> {
    Source {
        name: "shapes",
        descriptor_set: set,
        services: None,
        json: JsonOptions::default(),
        rules: &[],
    }
}

pub(crate) fn api(json: JsonOptions) -> Api {
    Api::compile(&[Source {
        json,
        ..source(&SET)
    }])
    .unwrap()
}

/// A request: method, path with query, and JSON body if there is one.
pub(crate) fn request_of(
    api: &Api,
    verb: &str,
    target: &str,
    body: &str,
) -> Result<DynamicMessage, RequestError> {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let verb = http::Method::from_bytes(verb.as_bytes()).unwrap();
    let route = api.route(&verb, path).unwrap();
    let content_type = (!body.is_empty()).then_some("application/json");
    let bytes = route.request(query, content_type, body.as_bytes())?;
    let method = route.method();
    let service = POOL.get_service_by_name(&method.service).unwrap();
    let descriptor = service.methods().find(|m| m.name() == method.name).unwrap();
    Ok(DynamicMessage::decode(descriptor.input(), bytes.as_slice()).unwrap())
}

pub(crate) fn request(
    verb: &str,
    target: &str,
    body: &str,
) -> Result<DynamicMessage, RequestError> {
    request_of(&API, verb, target, body)
}

/// The request message in text format, for comparing.
pub(crate) fn accepted(verb: &str, target: &str, body: &str) -> String {
    match request(verb, target, body) {
        Ok(message) => message.to_string(),
        Err(error) => panic!("{verb} {target} {body}: {error}"),
    }
}

pub(crate) fn faults(verb: &str, target: &str, body: &str) -> Vec<FieldFault> {
    match request(verb, target, body) {
        Ok(message) => panic!("{verb} {target} {body} gave {message}"),
        Err(RequestError::Invalid(faults)) => faults,
        Err(error) => panic!("{error}"),
    }
}

/// Checks that a request has one fault, and what it says.
pub(crate) fn refused(verb: &str, target: &str, body: &str, expected: &str) {
    let faults = faults(verb, target, body);
    assert_eq!(faults.len(), 1, "{verb} {target} {body}: {faults:?}");
    let text = faults[0].to_string();
    assert!(text.contains(expected), "{verb} {target} {body}: {text}");
}

/// A message in text format as wire bytes.
pub(crate) fn wire(message: &str, text: &str) -> Vec<u8> {
    let descriptor = POOL.get_message_by_name(message).unwrap();
    DynamicMessage::parse_text_format(descriptor, text)
        .unwrap()
        .encode_to_vec()
}

/// What a `GET` of a thing answers.
pub(crate) fn rendered(api: &Api, text: &str) -> Value {
    let route = api.route(&http::Method::GET, "/v1/things/1").unwrap();
    let rendered = route.response(&wire("shapes.v1.Thing", text)).unwrap();
    assert_eq!(rendered.content_type, "application/json");
    serde_json::from_slice(&rendered.bytes).unwrap()
}
