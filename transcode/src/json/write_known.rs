//! Writes the well-known types that have a JSON form of their own.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use prost_reflect::{DynamicMessage, MessageDescriptor, ReflectMessage as _, Value};

use super::{
    Known,
    mask::camel_path,
    time,
    write::{UnknownTypes, Writer, Written},
};

impl Writer<'_> {
    /// Writes a well-known type.
    pub(super) fn known(&mut self, known: Known, message: &DynamicMessage) -> Written {
        match known {
            Known::Timestamp => {
                let (seconds, nanos) = seconds_and_nanos(message);
                match time::format_timestamp(seconds, nanos) {
                    Some(text) => self.string(&text),
                    None => return self.fail("the timestamp is out of range"),
                }
            }
            Known::Duration => {
                let (seconds, nanos) = seconds_and_nanos(message);
                match time::format_duration(seconds, nanos) {
                    Some(text) => self.string(&text),
                    None => return self.fail("the duration is out of range"),
                }
            }
            Known::FieldMask => return self.field_mask(message),
            Known::Struct | Known::ListValue | Known::Wrapper => {
                let Some(field) = message.descriptor().get_field(1) else {
                    return self.fail("it is not the usual one");
                };
                return self.field(&field, &message.get_field(&field));
            }
            Known::Value => return self.any_value(message),
            Known::Any => return self.any(message),
        }
        Ok(())
    }

    /// Writes paths in lowerCamelCase, if they can come back from it.
    fn field_mask(&mut self, message: &DynamicMessage) -> Written {
        let paths = message.get_field_by_number(1);
        let paths = paths
            .as_deref()
            .and_then(Value::as_list)
            .unwrap_or_default();
        let mut camel = Vec::with_capacity(paths.len());
        for path in paths.iter().filter_map(Value::as_str) {
            match camel_path(path) {
                Some(path) => camel.push(path),
                None => return self.fail("the field mask cannot be written in lowerCamelCase"),
            }
        }
        self.string(&camel.join(","));
        Ok(())
    }

    /// Writes a `google.protobuf.Value`, which must be one.
    fn any_value(&mut self, message: &DynamicMessage) -> Written {
        let Some((field, value)) = message.fields().next() else {
            return self.fail("the value is not set");
        };
        if matches!(value, Value::F64(number) if !number.is_finite()) {
            return self.fail("NaN and the infinities are no values of JSON");
        }
        self.field(&field, value)
    }

    /// Writes an `Any`.
    fn any(&mut self, message: &DynamicMessage) -> Written {
        let type_url = message.get_field_by_number(1);
        let type_url = type_url
            .as_deref()
            .and_then(Value::as_str)
            .unwrap_or_default();
        let bytes = message.get_field_by_number(2);
        let bytes = bytes.as_deref().and_then(Value::as_bytes);
        self.packed(type_url, bytes.map(|bytes| &**bytes).unwrap_or_default())
    }

    /// Writes a message that is packed into an `Any`.
    ///
    /// # Errors
    /// If it cannot be looked into and unknown types are refused.
    pub(crate) fn packed(&mut self, type_url: &str, bytes: &[u8]) -> Written {
        if type_url.is_empty() && bytes.is_empty() {
            self.raw("{}");
            return Ok(());
        }
        let state = self.state();
        self.raw("{\"@type\":");
        self.string(type_url);
        let written = self.packed_members(type_url, bytes);
        if written.is_err() && self.unknown_types == UnknownTypes::Base64 {
            self.restore(state);
            self.raw("{\"@type\":");
            self.string(type_url);
            self.raw(",\"value\":");
            self.string(&STANDARD.encode(bytes));
        } else {
            written?;
        }
        self.raw("}");
        Ok(())
    }

    /// Writes what follows `@type`.
    fn packed_members(&mut self, type_url: &str, bytes: &[u8]) -> Written {
        let Some(descriptor) = self.find_type(type_url) else {
            return self.fail("the type inside an `Any` is not known");
        };
        let special = Known::of(&descriptor).is_some();
        let Ok(message) = DynamicMessage::decode(descriptor, bytes) else {
            return self.fail("the message inside an `Any` cannot be decoded");
        };
        if special {
            self.raw(",\"value\":");
            self.message(&message)
        } else {
            self.enter()?;
            self.members(&message, false)?;
            self.leave();
            Ok(())
        }
    }

    /// Finds the type of an `Any` by what follows the last slash of its URL.
    fn find_type(&self, type_url: &str) -> Option<MessageDescriptor> {
        let (_, name) = type_url.rsplit_once('/')?;
        let mut pools = self.pools.iter();
        pools.find_map(|pool| pool.get_message_by_name(name))
    }
}

/// Returns fields 1 and 2 of a timestamp or a duration.
fn seconds_and_nanos(message: &DynamicMessage) -> (i64, i32) {
    let seconds = message.get_field_by_number(1);
    let nanos = message.get_field_by_number(2);
    (
        seconds.and_then(|value| value.as_i64()).unwrap_or_default(),
        nanos.and_then(|value| value.as_i32()).unwrap_or_default(),
    )
}
