//! Messages as JSON and as bytes, by reflection.

use std::sync::LazyLock;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use prost_reflect::{
    DescriptorPool, DynamicMessage, MessageDescriptor, MethodDescriptor, SerializeOptions,
    prost::Message as _,
};
use serde_json::Value;

static POOL: LazyLock<Option<DescriptorPool>> =
    LazyLock::new(|| DescriptorPool::decode(resido_proto::DESCRIPTOR_SET).ok());

/// Finds the method of a path, `/package.Service/Method`.
pub(super) fn method(path: &str) -> Result<MethodDescriptor> {
    let pool = POOL.as_ref().context("the descriptors cannot be read")?;
    let (service, method) = path
        .trim_start_matches('/')
        .split_once('/')
        .context("no method")?;
    let service = pool.get_service_by_name(service).context("no service")?;
    let found = service.methods().find(|found| found.name() == method);
    found.with_context(|| format!("{path} is unknown"))
}

/// Finds the message that errors are.
pub(super) fn status() -> Result<MessageDescriptor> {
    let pool = POOL.as_ref().context("the descriptors cannot be read")?;
    pool.get_message_by_name("google.rpc.Status")
        .context("no google.rpc.Status")
}

/// Writes a message as bytes.
pub(super) fn encode(message: MessageDescriptor, json: &Value) -> Result<Bytes> {
    let message = DynamicMessage::deserialize(message, json)?;
    Ok(message.encode_to_vec().into())
}

/// Reads a message from bytes.
pub(super) fn decode(message: MessageDescriptor, bytes: Bytes) -> Result<Value> {
    json(&DynamicMessage::decode(message, bytes)?)
}

/// Reads what the gateway says is JSON, strictly, and writes it in one way.
pub(super) fn normalise(message: MessageDescriptor, text: &[u8]) -> Result<Value> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let read = DynamicMessage::deserialize(message, &mut reader)
        .with_context(|| String::from_utf8_lossy(text).into_owned())?;
    reader.end()?;
    json(&read)
}

fn json(message: &DynamicMessage) -> Result<Value> {
    let options = SerializeOptions::new().skip_default_fields(true);
    Ok(message.serialize_with_options(serde_json::value::Serializer, &options)?)
}
