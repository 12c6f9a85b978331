//! Writes a message as JSON along its descriptor.

use std::collections::HashMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use prost_reflect::{
    DescriptorPool, DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MapKey,
    ReflectMessage as _, Value,
};

use super::Known;
use crate::settings::{Defaults, Enums, FieldNames, JsonOptions};

/// So many messages may stand inside one another, `Any` included.
const MAX_DEPTH: usize = 100;

/// Why a value has no JSON form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WriteError {
    /// Path of the value in proto names.
    pub(crate) field: String,
    /// What is wrong.
    pub(crate) description: String,
}

/// What happens to an `Any` that cannot be looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnknownTypes {
    /// The writing fails.
    Refuse,
    /// Its bytes are written as base64, in `value`.
    Base64,
}

/// The state of one writing.
pub(crate) struct Writer<'p> {
    pub(super) out: String,
    options: JsonOptions,
    /// Where types of `Any` are looked up, in this order.
    pub(super) pools: &'p [DescriptorPool],
    pub(super) unknown_types: UnknownTypes,
    path: Vec<String>,
    depth: usize,
}

pub(super) type Written = Result<(), WriteError>;

impl<'p> Writer<'p> {
    /// Starts an empty text.
    pub(crate) const fn new(
        options: JsonOptions,
        pools: &'p [DescriptorPool],
        unknown_types: UnknownTypes,
    ) -> Self {
        Self {
            out: String::new(),
            options,
            pools,
            unknown_types,
            path: Vec::new(),
            depth: 0,
        }
    }

    /// Returns what was written.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.out.into_bytes()
    }

    /// Writes text that is JSON already.
    pub(crate) fn raw(&mut self, text: &str) {
        self.out.push_str(text);
    }

    /// Writes a message.
    ///
    /// # Errors
    /// If a value inside has no JSON form.
    pub(crate) fn message(&mut self, message: &DynamicMessage) -> Written {
        self.enter()?;
        match Known::of(&message.descriptor()) {
            Some(known) => self.known(known, message)?,
            None => {
                self.out.push('{');
                self.members(message, true)?;
                self.out.push('}');
            }
        }
        self.leave();
        Ok(())
    }

    /// Counts one more message inside the others.
    pub(super) fn enter(&mut self) -> Written {
        if self.depth == MAX_DEPTH {
            return self.fail("messages are nested too deeply");
        }
        self.depth += 1;
        Ok(())
    }

    pub(super) const fn leave(&mut self) {
        self.depth -= 1;
    }

    /// Writes the members of an object; `first`: none stands before.
    pub(super) fn members(&mut self, message: &DynamicMessage, mut first: bool) -> Written {
        for field in message.descriptor().fields() {
            let set = message.has_field(&field);
            let emit =
                set || (self.options.defaults == Defaults::Emit && !field.supports_presence());
            if !emit {
                continue;
            }
            self.comma(&mut first);
            match self.options.field_names {
                FieldNames::Json => self.string(field.json_name()),
                FieldNames::Proto => self.string(field.name()),
            }
            self.out.push(':');
            self.path.push(field.name().to_owned());
            self.field(&field, &message.get_field(&field))?;
            self.path.pop();
        }
        Ok(())
    }

    /// Writes the value of a field, whatever its kind.
    ///
    /// # Errors
    /// If a value inside has no JSON form.
    pub(crate) fn field(&mut self, field: &FieldDescriptor, value: &Value) -> Written {
        match value {
            Value::List(list) => self.list(&field.kind(), list),
            Value::Map(map) => match field.kind() {
                Kind::Message(entry) => {
                    let kind = entry.map_entry_value_field().kind();
                    self.map(&kind, map)
                }
                _ => self.fail("not a map"),
            },
            value => self.value(&field.kind(), value),
        }
    }

    /// Writes an array.
    pub(super) fn list(&mut self, kind: &Kind, list: &[Value]) -> Written {
        self.out.push('[');
        let mut first = true;
        for value in list {
            self.comma(&mut first);
            self.value(kind, value)?;
        }
        self.out.push(']');
        Ok(())
    }

    /// Writes a map, sorted by key so that the same message looks the same.
    pub(super) fn map(&mut self, kind: &Kind, map: &HashMap<MapKey, Value>) -> Written {
        let mut entries: Vec<_> = map.iter().collect();
        entries.sort_unstable_by_key(|(key, _)| *key);
        self.out.push('{');
        let mut first = true;
        for (key, value) in entries {
            self.comma(&mut first);
            match key {
                MapKey::Bool(key) => self.string(if *key { "true" } else { "false" }),
                MapKey::I32(key) => self.quoted(key),
                MapKey::I64(key) => self.quoted(key),
                MapKey::U32(key) => self.quoted(key),
                MapKey::U64(key) => self.quoted(key),
                MapKey::String(key) => self.string(key),
            }
            self.out.push(':');
            self.value(kind, value)?;
        }
        self.out.push('}');
        Ok(())
    }

    /// Writes one value: 64-bit integers as strings, bytes as base64.
    pub(super) fn value(&mut self, kind: &Kind, value: &Value) -> Written {
        match value {
            Value::Bool(value) => self.raw(if *value { "true" } else { "false" }),
            Value::I32(value) => self.plain(value),
            Value::U32(value) => self.plain(value),
            Value::I64(value) => self.quoted(value),
            Value::U64(value) => self.quoted(value),
            // The shortest text of 32 bits is not that of its 64-bit neighbour.
            Value::F32(value) => self.float(serde_json::to_string(value).ok(), f64::from(*value)),
            Value::F64(value) => self.float(serde_json::to_string(value).ok(), *value),
            Value::String(value) => self.string(value),
            Value::Bytes(value) => {
                self.out.push('"');
                STANDARD.encode_string(value, &mut self.out);
                self.out.push('"');
            }
            Value::EnumNumber(number) => match kind {
                Kind::Enum(descriptor) => self.enumeration(descriptor, *number),
                _ => self.plain(number),
            },
            Value::Message(message) => return self.message(message),
            Value::List(_) | Value::Map(_) => return self.fail("a list inside a list"),
        }
        Ok(())
    }

    /// Writes an enum by name, unless it has none or numbers are asked for.
    fn enumeration(&mut self, descriptor: &EnumDescriptor, number: i32) {
        if descriptor.full_name() == "google.protobuf.NullValue" {
            return self.raw("null");
        }
        let name = descriptor
            .get_value(number)
            .filter(|_| self.options.enums == Enums::Name);
        match name {
            Some(value) => self.string(value.name()),
            None => self.plain(&number),
        }
    }

    /// Writes a float: its text, or the name of what has none.
    fn float(&mut self, text: Option<String>, value: f64) {
        match text.filter(|_| value.is_finite()) {
            Some(text) => self.raw(text.strip_suffix(".0").unwrap_or(&text)),
            None if value.is_nan() => self.raw("\"NaN\""),
            None if value > 0.0 => self.raw("\"Infinity\""),
            None => self.raw("\"-Infinity\""),
        }
    }

    /// Writes a number.
    fn plain(&mut self, value: &dyn std::fmt::Display) {
        self.out.push_str(&value.to_string());
    }

    /// Writes a number in quotes.
    fn quoted(&mut self, value: &dyn std::fmt::Display) {
        self.out.push('"');
        self.plain(value);
        self.out.push('"');
    }

    /// Writes a string with its quotes.
    pub(crate) fn string(&mut self, text: &str) {
        self.out.push('"');
        let mut plain_from = 0;
        for (at, byte) in text.bytes().enumerate() {
            let escape = match byte {
                b'"' => "\\\"",
                b'\\' => "\\\\",
                b'\n' => "\\n",
                b'\r' => "\\r",
                b'\t' => "\\t",
                0..0x20 | 0x7f => "",
                _ => continue,
            };
            self.out.push_str(&text[plain_from..at]);
            if escape.is_empty() {
                self.out.push_str(&format!("\\u{byte:04x}"));
            } else {
                self.out.push_str(escape);
            }
            plain_from = at + 1;
        }
        self.out.push_str(&text[plain_from..]);
        self.out.push('"');
    }

    /// Writes a comma, but not before the first item.
    pub(super) fn comma(&mut self, first: &mut bool) {
        if !std::mem::take(first) {
            self.out.push(',');
        }
    }

    /// Fails at the present path.
    pub(super) fn fail(&self, description: impl Into<String>) -> Written {
        Err(WriteError {
            field: self.path.join("."),
            description: description.into(),
        })
    }

    /// Returns the state to come back to with [`Writer::restore`].
    pub(super) fn state(&self) -> (usize, usize, usize) {
        (self.out.len(), self.path.len(), self.depth)
    }

    /// Forgets everything that was written since.
    pub(super) fn restore(&mut self, state: (usize, usize, usize)) {
        self.out.truncate(state.0);
        self.path.truncate(state.1);
        self.depth = state.2;
    }
}
