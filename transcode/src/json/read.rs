//! Reads a JSON text along a message descriptor.
//!
//! A text that is not JSON ends the reading; a value that does not fit its
//! field is skipped and reported, so that a client hears of all faults at once.

use std::{borrow::Cow, collections::HashMap};

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};

use super::{
    Known,
    lex::{Lexer, Peek, SyntaxError, position},
    scalar::{self, shorten},
};
use crate::{
    fault::{FieldFault, MAX_FAULTS, Place},
    settings::UnknownFields,
};

/// What a reading has brought.
pub(crate) struct Document {
    /// The value; `None` if it was null or does not fit.
    pub(crate) value: Option<Value>,
    /// Everything that does not fit, at most [`MAX_FAULTS`].
    pub(crate) faults: Vec<FieldFault>,
    /// The fields that the text names, if they were asked for.
    pub(crate) present: Vec<Present>,
}

/// A field that a text names, outside of lists, maps and well-known types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Present {
    /// Its path in proto names.
    pub(crate) path: String,
    /// Whether it has no value: null, or one that does not fit.
    pub(crate) no_value: bool,
    /// Whether the text names nothing inside it.
    pub(crate) leaf: bool,
}

/// The state of one reading.
pub(crate) struct Reader<'a> {
    text: &'a str,
    pub(super) lex: Lexer<'a>,
    pub(super) unknown: UnknownFields,
    faults: Vec<FieldFault>,
    /// Path of the value that is being read.
    path: String,
    present: Vec<Present>,
    tracking: bool,
}

/// The result of a step: fails on syntax alone, and is `None` for a value that
/// was reported or is to be left out.
pub(super) type Step<T> = Result<Option<T>, SyntaxError>;

impl<'a> Reader<'a> {
    /// Starts on a body.
    ///
    /// # Errors
    /// If it is not UTF-8.
    pub(crate) fn new(body: &'a [u8], unknown: UnknownFields) -> Result<Self, FieldFault> {
        let text = std::str::from_utf8(body)
            .map_err(|error| syntax(body, error.valid_up_to(), "the text is not UTF-8"))?;
        Ok(Self {
            text,
            lex: Lexer::new(text),
            unknown,
            faults: Vec::new(),
            path: String::new(),
            present: Vec::new(),
            tracking: false,
        })
    }

    /// Asks for the fields that the text names.
    pub(crate) fn track_present(mut self) -> Self {
        self.tracking = true;
        self
    }

    /// Reads the whole text as a message.
    ///
    /// # Errors
    /// If it is not JSON.
    pub(crate) fn read_message(
        mut self,
        descriptor: &MessageDescriptor,
    ) -> Result<Document, FieldFault> {
        let value = self.value(&Kind::Message(descriptor.clone()));
        self.finish(value)
    }

    /// Reads the whole text as the value of one field, whatever its kind.
    ///
    /// # Errors
    /// If it is not JSON.
    pub(crate) fn read_field(mut self, field: &FieldDescriptor) -> Result<Document, FieldFault> {
        field.name().clone_into(&mut self.path);
        let value = self.field(field);
        self.finish(value)
    }

    fn finish(mut self, value: Step<Value>) -> Result<Document, FieldFault> {
        let ended = value.and_then(|value| self.lex.end().map(|()| value));
        match ended {
            Ok(value) => Ok(Document {
                value,
                faults: self.faults,
                present: self.present,
            }),
            Err(error) => Err(syntax(self.text.as_bytes(), error.at, error.what)),
        }
    }

    /// Reads an object as a message without a JSON form of its own. `is_any`:
    /// its `@type` has been dealt with.
    pub(super) fn object(
        &mut self,
        descriptor: &MessageDescriptor,
        is_any: bool,
    ) -> Step<DynamicMessage> {
        let peek = self.lex.peek()?;
        if peek != Peek::Object {
            return self.mismatch(peek, "an object");
        }
        let mut message = DynamicMessage::new(descriptor.clone());
        let mut seen = Vec::new();
        self.lex.enter()?;
        let mut first = true;
        while let Some(key) = self.lex.next_key(&mut first)? {
            if is_any && key == "@type" {
                self.lex.skip_value()?;
                continue;
            }
            let field = descriptor
                .get_field_by_json_name(&key)
                .or_else(|| descriptor.get_field_by_name(&key));
            let Some(field) = field else {
                self.unknown_key(&key)?;
                continue;
            };
            let outer = self.enter_path(&format_args!(".{}", field.name()));
            if seen.contains(&field.number()) {
                self.fault("the field is there twice");
                self.lex.skip_value()?;
            } else {
                seen.push(field.number());
                if let Some(value) = self.tracked_field(&field)? {
                    self.set(&mut message, &field, value);
                }
            }
            self.path.truncate(outer);
        }
        Ok(Some(message))
    }

    fn set(&mut self, message: &mut DynamicMessage, field: &FieldDescriptor, value: Value) {
        let rival = field.containing_oneof().and_then(|oneof| {
            let mut fields = oneof.fields();
            fields.find(|other| other != field && message.has_field(other))
        });
        match rival {
            Some(other) => self.fault(&format!(
                "only one of `{}` and `{}` may be set",
                other.name(),
                field.name()
            )),
            None => message.set_field(field, value),
        }
    }

    /// Reads a field and notes that the text names it.
    fn tracked_field(&mut self, field: &FieldDescriptor) -> Step<Value> {
        if !self.tracking {
            return self.field(field);
        }
        let index = self.present.len();
        self.present.push(Present {
            path: self.path.clone(),
            no_value: true,
            leaf: true,
        });
        let value = self.field(field)?;
        let inside = self.present.len() > index + 1;
        if let Some(present) = self.present.get_mut(index) {
            present.leaf = !inside;
            present.no_value = value.is_none();
        }
        Ok(value)
    }

    /// Reads what belongs to a field; null is absent, but sets a `Value`.
    fn field(&mut self, field: &FieldDescriptor) -> Step<Value> {
        let kind = field.kind();
        let many = field.is_list() || field.is_map();
        if self.lex.peek()? == Peek::Null && (many || !takes_null(&kind)) {
            self.lex.word("null")?;
            return Ok(None);
        }
        if !many {
            return self.value(&kind);
        }
        let tracking = std::mem::take(&mut self.tracking);
        let value = match &kind {
            Kind::Message(entry) if field.is_map() => self.map(entry)?.map(Value::Map),
            _ => self.list(&kind)?.map(Value::List),
        };
        self.tracking = tracking;
        Ok(value)
    }

    /// Reads an array.
    pub(super) fn list(&mut self, kind: &Kind) -> Step<Vec<Value>> {
        let peek = self.lex.peek()?;
        if peek != Peek::Array {
            return self.mismatch(peek, "an array");
        }
        let mut list = Vec::new();
        self.lex.enter()?;
        let (mut first, mut index) = (true, 0_usize);
        while self.lex.next_element(&mut first)? {
            let outer = self.enter_path(&format_args!("[{index}]"));
            list.extend(self.value(kind)?);
            self.path.truncate(outer);
            index += 1;
        }
        Ok(Some(list))
    }

    /// Reads an object as a map.
    pub(super) fn map(
        &mut self,
        entry: &MessageDescriptor,
    ) -> Step<HashMap<prost_reflect::MapKey, Value>> {
        let peek = self.lex.peek()?;
        if peek != Peek::Object {
            return self.mismatch(peek, "an object");
        }
        let key_kind = entry.map_entry_key_field().kind();
        let value_kind = entry.map_entry_value_field().kind();
        let mut map = HashMap::new();
        self.lex.enter()?;
        let mut first = true;
        while let Some(text) = self.lex.next_key(&mut first)? {
            let shown = shorten(&text);
            let outer = self.enter_path(&format_args!("[\"{}\"]", shown.trim_matches('`')));
            let key = scalar::from_text(&key_kind, &text);
            match key.map(Value::into_map_key) {
                Ok(Some(key)) if map.contains_key(&key) => {
                    self.fault("the key is there twice");
                    self.lex.skip_value()?;
                }
                Ok(Some(key)) => {
                    if let Some(value) = self.value(&value_kind)? {
                        map.insert(key, value);
                    }
                }
                Ok(None) => self.lex.skip_value()?,
                Err(description) => {
                    self.fault(&format!("the key {description}"));
                    self.lex.skip_value()?;
                }
            }
            self.path.truncate(outer);
        }
        Ok(Some(map))
    }

    /// Reads one value; null is refused unless the kind has one.
    pub(super) fn value(&mut self, kind: &Kind) -> Step<Value> {
        let Kind::Message(descriptor) = kind else {
            return self.scalar(kind);
        };
        let message = match Known::of(descriptor) {
            None => self.object(descriptor, false)?,
            Some(known) => {
                let tracking = std::mem::take(&mut self.tracking);
                let message = self.known(known, descriptor)?;
                self.tracking = tracking;
                message
            }
        };
        Ok(message.map(Value::Message))
    }

    fn scalar(&mut self, kind: &Kind) -> Step<Value> {
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

    /// Reports a value of the wrong sort and skips it.
    pub(super) fn mismatch<T>(&mut self, found: Peek, expected: &str) -> Step<T> {
        self.fault(&format!("expected {expected}, found {}", found.name()));
        self.lex.skip_value()?;
        Ok(None)
    }

    /// Deals with a key that names no field.
    pub(super) fn unknown_key(&mut self, key: &str) -> Result<(), SyntaxError> {
        if self.unknown == UnknownFields::Refuse {
            let key = shorten(key);
            let outer = self.enter_path(&format_args!(".{}", key.trim_matches('`')));
            self.fault("there is no such field");
            self.path.truncate(outer);
        }
        self.lex.skip_value()
    }

    /// Extends the path, and returns where to cut it again.
    pub(super) fn enter_path(&mut self, part: &dyn std::fmt::Display) -> usize {
        let outer = self.path.len();
        let part = part.to_string();
        let part = if outer == 0 {
            part.trim_start_matches('.')
        } else {
            &part
        };
        self.path.push_str(part);
        outer
    }

    pub(super) fn leave_path(&mut self, outer: usize) {
        self.path.truncate(outer);
    }

    /// Reports what is wrong with the next value.
    pub(super) fn fault(&mut self, description: &str) {
        self.fault_at(self.lex, description);
    }

    /// Reports what is wrong with the value at a place.
    pub(super) fn fault_at(&mut self, mut place: Lexer<'a>, description: &str) {
        if self.faults.len() == MAX_FAULTS {
            return;
        }
        let (line, column) = position(self.text.as_bytes(), place.offset());
        self.faults.push(FieldFault {
            place: Place::Body,
            field: self.path.clone(),
            description: description.to_owned(),
            line: Some(line),
            column: Some(column),
        });
    }
}

/// Whether null is a value of its own.
fn takes_null(kind: &Kind) -> bool {
    match kind {
        Kind::Message(message) => Known::of(message) == Some(Known::Value),
        Kind::Enum(descriptor) => descriptor.full_name() == "google.protobuf.NullValue",
        _ => false,
    }
}

fn expected(kind: &Kind) -> &'static str {
    match kind {
        Kind::Bool => "true or false",
        Kind::String => "a string",
        Kind::Bytes => "a string of base64",
        Kind::Enum(_) => "the name or number of an enum value",
        _ => "a number",
    }
}

fn syntax(body: &[u8], at: usize, what: &str) -> FieldFault {
    let (line, column) = position(body, at);
    FieldFault {
        place: Place::Body,
        field: String::new(),
        description: what.to_owned(),
        line: Some(line),
        column: Some(column),
    }
}
