//! From a response message to what the client receives.

use std::borrow::Cow;

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, Value};

use crate::{
    binding::Binding,
    fault::ResponseError,
    json::{UnknownTypes, WriteError, Writer},
};

/// The media type of JSON.
const JSON: &str = "application/json";
/// The media type of an `HttpBody` that names none.
const BYTES: &str = "application/octet-stream";

/// What is sent to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// Its media type. That of an `HttpBody` is as the upstream wrote it, and
    /// may be no good as a header.
    pub content_type: Cow<'static, str>,
    /// The body.
    pub bytes: Vec<u8>,
}

/// Renders a response message, given as wire bytes.
///
/// # Errors
/// If the bytes are no such message, or a value has no JSON form.
pub(crate) fn render(binding: &Binding, bytes: &[u8]) -> Result<Rendered, ResponseError> {
    let message = DynamicMessage::decode(binding.output.clone(), bytes)
        .map_err(ResponseError::Undecodable)?;
    if binding.raw_response() {
        return Ok(raw(binding.response_body.as_ref(), &message));
    }
    let pools = std::slice::from_ref(&binding.pool);
    let mut writer = Writer::new(binding.json, pools, UnknownTypes::Refuse);
    let written = match &binding.response_body {
        None => writer.message(&message),
        Some(field) => write_field(&mut writer, field, &message),
    };
    written.map_err(|error| {
        let WriteError { field, description } = error;
        ResponseError::Unrenderable { field, description }
    })?;
    Ok(Rendered {
        content_type: Cow::Borrowed(JSON),
        bytes: writer.finish(),
    })
}

/// Writes the one field that a rule sends; a message that is not there is `{}`.
fn write_field(
    writer: &mut Writer<'_>,
    field: &FieldDescriptor,
    message: &DynamicMessage,
) -> Result<(), WriteError> {
    let singular_message = !field.is_list() && matches!(field.kind(), Kind::Message(_));
    if singular_message && !field.is_map() && !message.has_field(field) {
        writer.raw("{}");
        return Ok(());
    }
    writer.field(field, &message.get_field(field))
}

/// Takes type and bytes of a `google.api.HttpBody`.
fn raw(field: Option<&FieldDescriptor>, message: &DynamicMessage) -> Rendered {
    let inner = field.map(|field| message.get_field(field));
    let http_body = match inner.as_deref() {
        Some(Value::Message(inner)) => inner,
        _ => message,
    };
    let content_type = http_body.get_field_by_number(1);
    let content_type = content_type.as_deref().and_then(Value::as_str);
    let data = http_body.get_field_by_number(2);
    let data = data.as_deref().and_then(Value::as_bytes);
    Rendered {
        content_type: match content_type {
            None | Some("") => Cow::Borrowed(BYTES),
            Some(text) => Cow::Owned(text.to_owned()),
        },
        bytes: data.map(|data| data.to_vec()).unwrap_or_default(),
    }
}
