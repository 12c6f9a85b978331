//! Reads a JSON text along a message descriptor.
//!
//! A text that is not JSON ends the reading; a value that does not fit its
//! field is skipped and reported, so that a client hears of all faults at once.

use std::collections::HashMap;

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};

use super::{
    Known,
    any_types::AnyTypes,
    lex::{Lexer, Peek, SyntaxError},
    read_scalar::takes_null,
    report::syntax,
    scalar::{self, shorten},
};
use crate::{fault::FieldFault, settings::UnknownFields};

/// What a reading has brought.
pub(crate) struct Document {
    /// The value; `None` if it was null or does not fit.
    pub(crate) value: Option<Value>,
    /// Everything that does not fit, so far as it is reported.
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
    pub(super) text: &'a str,
    pub(super) lex: Lexer<'a>,
    pub(super) unknown: UnknownFields,
    pub(super) faults: Vec<FieldFault>,
    /// Path of the value that is being read.
    pub(super) path: String,
    present: Vec<Present>,
    tracking: bool,
    /// Made when the first `Any` is met.
    pub(super) any_types: Option<AnyTypes>,
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
            any_types: None,
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

    /// Checks that the text ends with the value.
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

    /// Sets a field, unless another member of its oneof is set.
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
}
