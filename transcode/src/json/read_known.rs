//! Reads the well-known types that have a JSON form of their own.

use prost::Message as _;
use prost_reflect::{DynamicMessage, Kind, MessageDescriptor, Value};

use super::{
    Known,
    any_types::{self, AnyType},
    lex::{Peek, SyntaxError},
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

    /// Reads `{"@type": …}`, wherever in the object the type stands.
    fn any(&mut self, descriptor: &MessageDescriptor) -> Step<DynamicMessage> {
        let peek = self.lex.peek()?;
        if peek != Peek::Object {
            return self.mismatch(peek, "an object");
        }
        let type_url = match self.any_type()? {
            Some(AnyType::Url(type_url)) => type_url,
            Some(AnyType::Twice) => return self.skip_any("`@type` is there twice"),
            Some(AnyType::NotText) => return self.skip_any("`@type` is not a string"),
            None => {
                let mut ahead = self.lex;
                ahead.enter()?;
                if ahead.next_key(&mut true)?.is_some() {
                    return self.skip_any("`@type` is missing");
                }
                self.lex = ahead;
                return Ok(Some(DynamicMessage::new(descriptor.clone())));
            }
        };
        let name = type_url.rsplit_once('/').map(|(_, name)| name);
        let inner = name.and_then(|name| descriptor.parent_pool().get_message_by_name(name));
        let Some(inner) = inner else {
            let what = format!("{} is not a known `@type`", shorten(&type_url));
            return self.skip_any(&what);
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

    /// Returns the type of the object that is next.
    fn any_type(&mut self) -> Result<Option<AnyType>, SyntaxError> {
        let at = self.lex.offset();
        let types = match self.any_types.take() {
            Some(types) => types,
            None => any_types::find(self.text)?,
        };
        let found = types.get(&at).cloned();
        self.any_types = Some(types);
        Ok(found)
    }

    /// Reports an `Any` that cannot be read, and skips it.
    fn skip_any<T>(&mut self, what: &str) -> Step<T> {
        self.fault(what);
        self.lex.skip_value()?;
        Ok(None)
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
