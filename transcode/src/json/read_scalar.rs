//! Reads the values that are neither objects nor arrays.

use std::borrow::Cow;

use prost_reflect::{Kind, Value};

use super::{
    Known,
    lex::Peek,
    read::{Reader, Step},
    scalar::{self, shorten},
};
use crate::settings::UnknownFields;

impl Reader<'_> {
    /// Reads a value of any kind but a message.
    pub(super) fn scalar(&mut self, kind: &Kind) -> Step<Value> {
        let peek = self.lex.peek()?;
        let place = self.lex;
        let read = match (kind, peek) {
            (Kind::Bool, Peek::True) => self.lex.word("true").map(|()| Ok(Value::Bool(true)))?,
            (Kind::Bool, Peek::False) => self.lex.word("false").map(|()| Ok(Value::Bool(false)))?,
            (Kind::String, Peek::String) => Ok(Value::String(self.lex.string()?.into_owned())),
            (Kind::Bytes, Peek::String) => scalar::bytes_from_text(&self.lex.string()?),
            (Kind::Enum(descriptor), Peek::Null) if takes_null(kind) => {
                self.lex.word("null")?;
                Ok(Value::EnumNumber(descriptor.default_value().number()))
            }
            (Kind::Enum(descriptor), Peek::Number) => {
                scalar::enum_from_number(descriptor, self.lex.number()?)
            }
            (Kind::Enum(descriptor), Peek::String) => {
                let name = self.lex.string()?;
                match scalar::enum_from_name(descriptor, &name) {
                    None if self.unknown == UnknownFields::Ignore => return Ok(None),
                    value => value
                        .ok_or_else(|| format!("{} is not a value of the enum", shorten(&name))),
                }
            }
            (Kind::Bool | Kind::String | Kind::Bytes | Kind::Enum(_), _) => {
                return self.mismatch(peek, expected(kind));
            }
            (_, Peek::Number | Peek::String) => {
                let text = match peek {
                    Peek::Number => Cow::Borrowed(self.lex.number()?),
                    _ => self.lex.string()?,
                };
                match scalar::is_float(kind) {
                    true if peek == Peek::String => scalar::float_from_text(kind, &text),
                    true => scalar::float_from_number(kind, &text),
                    false => scalar::int_from_number(kind, &text),
                }
            }
            _ => return self.mismatch(peek, expected(kind)),
        };
        Ok(read
            .map_err(|description| self.fault_at(place, &description))
            .ok())
    }
}

/// Whether null is a value of its own.
pub(super) fn takes_null(kind: &Kind) -> bool {
    match kind {
        Kind::Message(message) => Known::of(message) == Some(Known::Value),
        Kind::Enum(descriptor) => descriptor.full_name() == "google.protobuf.NullValue",
        _ => false,
    }
}

/// Says what a kind is in JSON.
fn expected(kind: &Kind) -> &'static str {
    match kind {
        Kind::Bool => "true or false",
        Kind::String => "a string",
        Kind::Bytes => "a string of base64",
        Kind::Enum(_) => "the name or number of an enum value",
        _ => "a number",
    }
}
