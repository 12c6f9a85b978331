//! The parts of a descriptor set that are taken byte for byte.

use std::collections::HashMap;

use prost::Message;

/// Returns the encoded options of every method by its gRPC path, extensions
/// included.
///
/// # Errors
/// If the bytes are no descriptor set.
pub(super) fn method_options(
    descriptor_set: &[u8],
) -> Result<HashMap<String, Vec<u8>>, prost::DecodeError> {
    let set = Set::decode(descriptor_set)?;
    let mut options = HashMap::new();
    for file in set.file {
        for service in file.service {
            for method in service.method {
                let dot = if file.package.is_empty() { "" } else { "." };
                let (package, service) = (&file.package, &service.name);
                let path = format!("/{package}{dot}{service}/{}", method.name);
                options.insert(path, method.options);
            }
        }
    }
    Ok(options)
}

#[derive(Clone, PartialEq, Message)]
struct Set {
    #[prost(message, repeated, tag = "1")]
    file: Vec<File>,
}

#[derive(Clone, PartialEq, Message)]
struct File {
    #[prost(string, tag = "2")]
    package: String,
    #[prost(message, repeated, tag = "6")]
    service: Vec<Service>,
}

#[derive(Clone, PartialEq, Message)]
struct Service {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, repeated, tag = "2")]
    method: Vec<MethodOptions>,
}

#[derive(Clone, PartialEq, Message)]
struct MethodOptions {
    #[prost(string, tag = "1")]
    name: String,
    /// Left encoded.
    #[prost(bytes = "vec", tag = "4")]
    options: Vec<u8>,
}
