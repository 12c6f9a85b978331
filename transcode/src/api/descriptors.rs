//! Descriptor sets as they come: what is taken byte for byte, and what is not
//! trusted.

use std::{collections::HashMap, panic::catch_unwind};

use prost::Message;
use prost_reflect::DescriptorPool;

/// Decodes a descriptor set.
///
/// A set may come from an upstream by reflection. prost-reflect 0.16 refuses
/// most broken ones, but falls over some (a label for a file that is not there,
/// an option of the wrong wire type); those are refused here all the same.
///
/// # Errors
/// If it is not a sound descriptor set.
pub(super) fn pool(descriptor_set: &[u8]) -> Result<DescriptorPool, String> {
    let decoded = catch_unwind(|| {
        let pool = DescriptorPool::decode(descriptor_set)?;
        // Options are decoded when asked for; the first time is here.
        for message in pool.all_messages() {
            for field in message.fields() {
                field.options();
            }
        }
        Ok(pool)
    });
    match decoded {
        Ok(Ok(pool)) => Ok(pool),
        Ok(Err(error)) => {
            let error: prost_reflect::DescriptorError = error;
            Err(error.to_string())
        }
        Err(_) => Err("it is broken".to_owned()),
    }
}

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

/// `google.protobuf.FileDescriptorSet`, as far as it is needed here; so the others.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_taken_byte_for_byte() {
        let method = |name: &str, options: &[u8]| MethodOptions {
            name: name.into(),
            options: options.to_vec(),
        };
        let file = |package: &str| File {
            package: package.into(),
            service: vec![Service {
                name: "S".into(),
                method: vec![method("A", b"\x88\x02\x01\xff"), method("B", b"")],
            }],
        };
        let set = Set {
            file: vec![file("a.b"), file("")],
        };
        let options = method_options(&set.encode_to_vec()).unwrap();
        assert_eq!(options["/a.b.S/A"], b"\x88\x02\x01\xff");
        assert_eq!(options["/a.b.S/B"], b"");
        assert_eq!(options["/S/A"], b"\x88\x02\x01\xff");
        assert_eq!(options.len(), 4);
        assert!(method_options(b"\x0a\xff").is_err());
    }
}
