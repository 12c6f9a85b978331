//! Reads the well-known types that have a JSON form of their own.

use prost::Message as _;
use prost_reflect::{DynamicMessage, Kind, MessageDescriptor, Value};

use super::{
    Known,
    lex::Peek,
    read::{Reader, Step},
    scalar::{self, filled, shorten},
};

/// Numbers of the fields of `google.protobuf.Value`.
const NULL: u32 = 1;
const NUMBER: u32 = 2;
const STRING: u32 = 3;
const BOOL: u32 = 4;
const STRUCT: u32 = 5;
const LIST: u32 = 6;

impl Reader<'_> {
    /// Reads a well-known type.
    pub(super) fn known(
        &mut self,
        known: Known,
        descriptor: &MessageDescriptor,
    ) -> Step<DynamicMessage> {
        match known {
            Known::Timestamp | Known::Duration | Known::FieldMask => self.text_type(descriptor),
            Known::Wrapper => self.field_one(descriptor, |reader, kind| reader.value(kind)),
            Known::ListValue => self.field_one(descriptor, |reader, kind| {
                Ok(reader.list(kind)?.map(Value::List))
            }),
            Known::Struct => self.field_one(descriptor, |reader, kind| match kind {
                Kind::Message(entry) if entry.is_map_entry() => {
                    Ok(reader.map(entry)?.map(Value::Map))
                }
                _ => Ok(None),
            }),
            Known::Value => self.any_value(descriptor),
            Known::Any => self.any(descriptor),
        }
    }

    /// Reads a type that is a string in JSON.
    fn text_type(&mut self, descriptor: &MessageDescriptor) -> Step<DynamicMessage> {
        let peek = self.lex.peek()?;
        if peek != Peek::String {
            return self.mismatch(peek, "a string");
        }
        let place = self.lex;
        let text = self.lex.string()?;
        let read = scalar::known_from_text(descriptor, &text);
        Ok(read
            .map_err(|description| self.fault_at(place, &description))
            .ok())
    }

    /// Reads a message whose JSON form is that of its field 1.
    fn field_one(
        &mut self,
        descriptor: &MessageDescriptor,
        read: impl FnOnce(&mut Self, &Kind) -> Step<Value>,
    ) -> Step<DynamicMessage> {
        let Some(field) = descriptor.get_field(1) else {
            return self.odd(descriptor);
        };
        let value = read(self, &field.kind())?;
        Ok(value.and_then(|value| self.fill(descriptor, 1, value)))
    }

    /// Reads a `google.protobuf.Value`: whatever stands there.
    fn any_value(&mut self, descriptor: &MessageDescriptor) -> Step<DynamicMessage> {
        let (number, value) = match self.lex.peek()? {
            Peek::Null => {
                self.lex.word("null")?;
                (NULL, Value::EnumNumber(0))
            }
            Peek::True => {
                self.lex.word("true")?;
                (BOOL, Value::Bool(true))
            }
            Peek::False => {
                self.lex.word("false")?;
                (BOOL, Value::Bool(false))
            }
            Peek::String => (STRING, Value::String(self.lex.string()?.into_owned())),
            Peek::Number => {
                let place = self.lex;
                let text = self.lex.number()?;
                match scalar::float_from_number(&Kind::Double, text) {
                    Ok(value) => (NUMBER, value),
                    Err(description) => {
                        self.fault_at(place, &description);
                        return Ok(None);
                    }
                }
            }
            peek => {
                let number = if peek == Peek::Object { STRUCT } else { LIST };
                let kind = descriptor.get_field(number).map(|field| field.kind());
                let Some(kind @ Kind::Message(_)) = kind else {
                    return self.odd(descriptor);
                };
                match self.value(&kind)? {
                    Some(value) => (number, value),
                    None => return Ok(None),
                }
            }
        };
        Ok(self.fill(descriptor, number, value))
    }

    /// Reads `{"@type": …}`. The type may stand anywhere in the object, so the
    /// object is looked through first.
    fn any(&mut self, descriptor: &MessageDescriptor) -> Step<DynamicMessage> {
        let peek = self.lex.peek()?;
        if peek != Peek::Object {
            return self.mismatch(peek, "an object");
        }
        let start = self.lex;
        let (type_url, empty) = self.find_type()?;
        let end = std::mem::replace(&mut self.lex, start);
        let Some(type_url) = type_url else {
            if !empty {
                self.fault("`@type` is missing");
            }
            self.lex = end;
            return Ok(empty.then(|| DynamicMessage::new(descriptor.clone())));
        };
        let name = type_url.rsplit_once('/').map(|(_, name)| name);
        let inner = name.and_then(|name| descriptor.parent_pool().get_message_by_name(name));
        let Some(inner) = inner else {
            self.fault(&format!("{} is not a known `@type`", shorten(&type_url)));
            self.lex = end;
            return Ok(None);
        };
        let message = match Known::of(&inner) {
            Some(_) => self.any_member(&inner)?,
            // An empty message may come either way.
            None if inner.full_name() == "google.protobuf.Empty" => {
                self.any_member(&inner)?;
                Some(DynamicMessage::new(inner))
            }
            None => self.object(&inner, true)?,
        };
        let fields = message.map(|message| {
            [
                (1, Value::String(type_url)),
                (2, Value::Bytes(message.encode_to_vec().into())),
            ]
        });
        Ok(fields.and_then(|fields| self.fill_all(descriptor, fields)))
    }

    /// Looks through an object for `@type`; tells too whether it is empty.
    fn find_type(&mut self) -> Result<(Option<String>, bool), super::lex::SyntaxError> {
        let (mut found, mut empty) = (None, true);
        self.lex.enter()?;
        let mut first = true;
        while let Some(key) = self.lex.next_key(&mut first)? {
            empty = false;
            if key != "@type" {
                self.lex.skip_value()?;
            } else if self.lex.peek()? != Peek::String {
                self.fault("`@type` is not a string");
                self.lex.skip_value()?;
            } else if found.is_some() {
                self.fault("`@type` is there twice");
                self.lex.skip_value()?;
            } else {
                found = Some(self.lex.string()?.into_owned());
            }
        }
        Ok((found, empty))
    }

    /// Reads `{"@type": …, "value": …}` for types with a JSON form of their own.
    fn any_member(&mut self, inner: &MessageDescriptor) -> Step<DynamicMessage> {
        let mut message = None;
        let mut seen = false;
        self.lex.enter()?;
        let mut first = true;
        while let Some(key) = self.lex.next_key(&mut first)? {
            match &*key {
                "@type" => self.lex.skip_value()?,
                "value" if seen => {
                    self.fault("`value` is there twice");
                    self.lex.skip_value()?;
                }
                "value" => {
                    seen = true;
                    let outer = self.enter_path(&".value");
                    message = match self.value(&Kind::Message(inner.clone()))? {
                        Some(Value::Message(message)) => Some(message),
                        _ => None,
                    };
                    self.leave_path(outer);
                }
                _ => self.unknown_key(&key)?,
            }
        }
        if !seen && Known::of(inner).is_some() {
            self.fault("`value` is missing");
        }
        Ok(message)
    }

    /// Makes a message of one field.
    fn fill(
        &mut self,
        descriptor: &MessageDescriptor,
        number: u32,
        value: Value,
    ) -> Option<DynamicMessage> {
        self.fill_all(descriptor, [(number, value)])
    }

    /// Makes a message of fields by number.
    fn fill_all(
        &mut self,
        descriptor: &MessageDescriptor,
        fields: impl IntoIterator<Item = (u32, Value)>,
    ) -> Option<DynamicMessage> {
        let message = filled(descriptor, fields);
        message.map_err(|description| self.fault(&description)).ok()
    }

    /// Gives up on descriptors that say something else of a well-known type.
    fn odd<T>(&mut self, descriptor: &MessageDescriptor) -> Step<T> {
        self.fault(&format!(
            "`{}` is not the usual one",
            descriptor.full_name()
        ));
        self.lex.skip_value()?;
        Ok(None)
    }
}
