//! What the body says.

use prost_reflect::{DynamicMessage, Kind, MessageDescriptor, Value};

use super::content_type::is_json;
use crate::{
    binding::{Binding, Body},
    fault::{FieldFault, Place, RequestError},
    json::{Present, Reader},
};

/// A message with what the body fills.
pub(super) struct Filled {
    pub(super) message: DynamicMessage,
    pub(super) faults: Vec<FieldFault>,
    /// The fields that the body names, from the request message on.
    pub(super) present: Vec<Present>,
}

/// Reads the body into a new request message.
///
/// # Errors
/// If its content type is not acceptable, it is not JSON, or there must be none.
pub(super) fn read(
    binding: &Binding,
    content_type: Option<&str>,
    body: &[u8],
) -> Result<Filled, RequestError> {
    let mut filled = Filled {
        message: DynamicMessage::new(binding.input.clone()),
        faults: Vec::new(),
        present: Vec::new(),
    };
    let content_type = content_type.map(str::trim).filter(|text| !text.is_empty());
    if binding.raw_request() {
        return raw(binding, filled, content_type.unwrap_or_default(), body);
    }
    if binding.body == Body::None {
        return match body {
            [] => Ok(filled),
            _ => Err(refuse("this method takes no body")),
        };
    }
    match content_type {
        Some(text) if !is_json(text) => return Err(RequestError::UnsupportedMediaType),
        None if !body.is_empty() => return Err(RequestError::UnsupportedMediaType),
        _ if body.is_empty() => return Ok(filled),
        _ => {}
    }
    let invalid = |fault| RequestError::Invalid(vec![fault]);
    let mut reader = Reader::new(body, binding.json.unknown_fields).map_err(invalid)?;
    if !binding.variables.is_empty() || binding.update_mask.is_some() {
        reader = reader.track_present();
    }
    let document = match &binding.body {
        Body::Field(field) => reader.read_field(field),
        Body::Whole | Body::None => reader.read_message(&binding.input),
    };
    let document = document.map_err(invalid)?;
    match (&binding.body, document.value) {
        (Body::Field(field), Some(value)) => filled.message.set_field(field, value),
        (_, Some(Value::Message(message))) => filled.message = message,
        // Null, or it does not fit and a fault says so.
        _ => {}
    }
    filled.faults = document.faults;
    filled.present = document.present;
    Ok(filled)
}

/// Takes the bytes as they are, with their content type.
fn raw(
    binding: &Binding,
    mut filled: Filled,
    content_type: &str,
    body: &[u8],
) -> Result<Filled, RequestError> {
    match &binding.body {
        Body::Field(field) => {
            let Kind::Message(descriptor) = field.kind() else {
                return Err(refuse("the body's field is not a message"));
            };
            let message = http_body(&descriptor, content_type, body)?;
            filled.message.set_field(field, Value::Message(message));
        }
        Body::Whole | Body::None => {
            filled.message = http_body(&binding.input, content_type, body)?;
        }
    }
    Ok(filled)
}

/// Makes a `google.api.HttpBody`.
fn http_body(
    descriptor: &MessageDescriptor,
    content_type: &str,
    body: &[u8],
) -> Result<DynamicMessage, RequestError> {
    let mut message = DynamicMessage::new(descriptor.clone());
    let fields = [
        (1, Value::String(content_type.to_owned())),
        (2, Value::Bytes(body.to_vec().into())),
    ];
    for (number, value) in fields {
        message
            .try_set_field_by_number(number, value)
            .map_err(|_| refuse("`google.api.HttpBody` is not the usual one"))?;
    }
    Ok(message)
}

/// Refuses the body as a whole.
pub(super) fn refuse(description: &str) -> RequestError {
    RequestError::Invalid(vec![FieldFault {
        place: Place::Body,
        field: String::new(),
        description: description.to_owned(),
        element: None,
        line: None,
        column: None,
    }])
}
