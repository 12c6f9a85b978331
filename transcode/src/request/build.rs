//! Puts path, query and body together.
//!
//! The path decides: what the body or the query says of a field that the path
//! binds must be the same, else the request is refused.

use prost::Message as _;
use prost_reflect::{DynamicMessage, Value};

use super::{
    body::{self, Filled},
    mask, query,
};
use crate::{
    binding::{Binding, FieldPath},
    fault::{FieldFault, MAX_FAULTS, Place, RequestError},
    json::{Present, from_text, shorten},
};

/// Makes the wire bytes of a request message. `values` are those of the
/// template's variables, in their order; `query` is raw.
///
/// # Errors
/// With every value that breaks a rule, at most [`MAX_FAULTS`].
pub(crate) fn build(
    binding: &Binding,
    values: &[String],
    query: Option<&str>,
    content_type: Option<&str>,
    body: &[u8],
) -> Result<Vec<u8>, RequestError> {
    let Filled {
        mut message,
        mut faults,
        present,
    } = body::read(binding, content_type, body)?;
    for (variable, value) in binding.variables.iter().zip(values) {
        faults.extend(bind(variable, value, &present, &mut message).err());
    }
    query::bind(
        binding,
        query.unwrap_or_default(),
        &mut message,
        &mut faults,
    );
    if !faults.is_empty() {
        faults.truncate(MAX_FAULTS);
        return Err(RequestError::Invalid(faults));
    }
    mask::fill(binding, &present, &mut message);
    Ok(message.encode_to_vec())
}

/// Makes the wire bytes of a later message of a stream: of the body alone, which
/// must not contradict the path.
///
/// # Errors
/// As those of [`build`].
pub(super) fn build_later(
    binding: &Binding,
    values: &[String],
    content_type: Option<&str>,
    body: &[u8],
) -> Result<Vec<u8>, RequestError> {
    let Filled {
        mut message,
        mut faults,
        present,
    } = body::read(binding, content_type, body)?;
    for (variable, value) in binding.variables.iter().zip(values) {
        faults.extend(agreed(variable, value, &present, &message).err());
    }
    if !faults.is_empty() {
        faults.truncate(MAX_FAULTS);
        return Err(RequestError::Invalid(faults));
    }
    mask::fill(binding, &present, &mut message);
    Ok(message.encode_to_vec())
}

/// Binds a variable of the path.
fn bind(
    variable: &FieldPath,
    text: &str,
    present: &[Present],
    message: &mut DynamicMessage,
) -> Result<(), FieldFault> {
    let value = agreed(variable, text, present, message)?;
    variable
        .put(message, value)
        .map_err(|description| fault(variable, description))
}

/// Reads a variable of the path, of which the body must not say anything else.
fn agreed(
    variable: &FieldPath,
    text: &str,
    present: &[Present],
    message: &DynamicMessage,
) -> Result<Value, FieldFault> {
    let value = from_text(&variable.field().kind(), text)
        .map_err(|description| fault(variable, description))?;
    let in_body = present
        .iter()
        .any(|present| !present.no_value && present.path == variable.text);
    if in_body && *variable.get(message) != value {
        let text = shorten(text);
        let what = format!("the path says {text}, the body something else");
        return Err(fault(variable, what));
    }
    Ok(value)
}

fn fault(variable: &FieldPath, description: String) -> FieldFault {
    FieldFault {
        place: Place::Path,
        field: variable.text.clone(),
        description,
        element: None,
        line: None,
        column: None,
    }
}
