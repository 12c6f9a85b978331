//! Messages and enums as JSON schemas.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message as _;
use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

use super::comments::Comments;
use crate::{
    json::Known,
    settings::{Enums, FieldNames, JsonOptions},
};

/// The schemas that operations refer to, each made once.
#[derive(Default)]
pub(super) struct Schemas {
    pub(super) comments: Comments,
    done: BTreeMap<String, Value>,
    /// Messages and enums that are referred to and not yet made.
    open: Vec<(usize, JsonOptions, Type)>,
    known: BTreeSet<String>,
}

/// What a schema is made of.
enum Type {
    Message(MessageDescriptor),
    Enum(EnumDescriptor),
}

/// How fields behave, by `google.api.field_behavior`.
#[derive(Clone, PartialEq, prost::Message)]
struct FieldOptions {
    #[prost(int32, repeated, tag = "1052")]
    behavior: Vec<i32>,
}

const REQUIRED: i32 = 2;
const OUTPUT_ONLY: i32 = 3;
const INPUT_ONLY: i32 = 4;

impl FieldOptions {
    fn of(field: &FieldDescriptor) -> Self {
        let options = field.options().encode_to_vec();
        Self::decode(options.as_slice()).unwrap_or_default()
    }

    fn has(&self, behavior: i32) -> bool {
        self.behavior.contains(&behavior)
    }
}

/// Whether a caller must give a field.
pub(super) fn is_required(field: &FieldDescriptor) -> bool {
    FieldOptions::of(field).has(REQUIRED)
}

/// Returns the name of a field in JSON.
pub(super) fn field_name(json: JsonOptions, field: &FieldDescriptor) -> &str {
    match json.field_names {
        FieldNames::Json => field.json_name(),
        FieldNames::Proto => field.name(),
    }
}

impl Schemas {
    /// Returns the schema of a field's value, lists and maps included.
    pub(super) fn field(
        &mut self,
        source: usize,
        json: JsonOptions,
        field: &FieldDescriptor,
    ) -> Value {
        match field.kind() {
            Kind::Message(entry) if field.is_map() => {
                let value = entry.map_entry_value_field();
                let value = self.kind(source, json, &value.kind());
                json!({"type": "object", "additionalProperties": value})
            }
            kind if field.is_list() => {
                json!({"type": "array", "items": self.kind(source, json, &kind)})
            }
            kind => self.kind(source, json, &kind),
        }
    }

    /// Returns the schema of a message; those with fields are referred to.
    pub(super) fn message(
        &mut self,
        source: usize,
        json: JsonOptions,
        message: &MessageDescriptor,
    ) -> Value {
        match Known::of(message) {
            Some(known) => self.known(known, source, json, message),
            None => self.reference(source, json, Type::Message(message.clone())),
        }
    }

    /// Returns the schema of one value.
    fn kind(&mut self, source: usize, json: JsonOptions, kind: &Kind) -> Value {
        match kind {
            Kind::Message(message) => self.message(source, json, message),
            Kind::Enum(descriptor) if descriptor.full_name() == "google.protobuf.NullValue" => {
                json!({"type": "null"})
            }
            Kind::Enum(descriptor) => self.reference(source, json, Type::Enum(descriptor.clone())),
            kind => scalar(kind),
        }
    }

    /// Returns the schema of a type with a JSON form of its own.
    fn known(
        &mut self,
        known: Known,
        source: usize,
        json: JsonOptions,
        message: &MessageDescriptor,
    ) -> Value {
        match known {
            Known::Timestamp => json!({"type": "string", "format": "date-time"}),
            Known::Duration => {
                json!({"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$"})
            }
            Known::FieldMask => json!({
                "type": "string",
                "description": "Paths in lowerCamelCase with commas between.",
            }),
            Known::Struct => json!({"type": "object", "additionalProperties": true}),
            Known::Value => json!({}),
            Known::ListValue => json!({"type": "array", "items": {}}),
            Known::Any => json!({
                "type": "object",
                "properties": {"@type": {"type": "string"}},
                "additionalProperties": true,
            }),
            Known::Wrapper => match message.get_field(1) {
                Some(field) => self.kind(source, json, &field.kind()),
                None => json!({}),
            },
        }
    }

    /// Refers to a schema, to be made later if it is new: messages may contain
    /// themselves.
    fn reference(&mut self, source: usize, json: JsonOptions, what: Type) -> Value {
        let name = match &what {
            Type::Message(message) => message.full_name(),
            Type::Enum(descriptor) => descriptor.full_name(),
        };
        let reference = json!({"$ref": format!("#/components/schemas/{name}")});
        if self.known.insert(name.to_owned()) {
            self.open.push((source, json, what));
        }
        reference
    }

    /// Makes every schema that was referred to, and those they refer to.
    pub(super) fn finish(mut self) -> Map<String, Value> {
        while let Some((source, json, what)) = self.open.pop() {
            let (name, schema) = match what {
                Type::Message(message) => {
                    let schema = self.object(source, json, &message);
                    (message.full_name().to_owned(), schema)
                }
                Type::Enum(descriptor) => {
                    let schema = self.enumeration(source, json, &descriptor);
                    (descriptor.full_name().to_owned(), schema)
                }
            };
            self.done.insert(name, schema);
        }
        self.done.into_iter().collect()
    }

    /// Makes the schema of a message with fields.
    fn object(&mut self, source: usize, json: JsonOptions, message: &MessageDescriptor) -> Value {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for field in message.fields() {
            let mut schema = self.field(source, json, &field);
            let options = FieldOptions::of(&field);
            let comment = self
                .comments
                .of(source, &message.parent_file(), field.path());
            if let Some(schema) = schema.as_object_mut() {
                describe(schema, comment);
                if options.has(OUTPUT_ONLY) {
                    schema.insert("readOnly".to_owned(), json!(true));
                }
                if options.has(INPUT_ONLY) {
                    schema.insert("writeOnly".to_owned(), json!(true));
                }
            }
            let name = field_name(json, &field);
            if options.has(REQUIRED) {
                required.push(name.to_owned());
            }
            properties.insert(name.to_owned(), schema);
        }
        let mut schema = Map::new();
        schema.insert("type".to_owned(), json!("object"));
        let comment = self
            .comments
            .of(source, &message.parent_file(), message.path());
        describe(&mut schema, comment);
        if !properties.is_empty() {
            schema.insert("properties".to_owned(), properties.into());
        }
        if !required.is_empty() {
            schema.insert("required".to_owned(), json!(required));
        }
        schema.into()
    }

    /// Makes the schema of an enum.
    fn enumeration(
        &mut self,
        source: usize,
        json: JsonOptions,
        descriptor: &EnumDescriptor,
    ) -> Value {
        let mut schema = Map::new();
        match json.enums {
            Enums::Name => {
                let names: Vec<_> = descriptor
                    .values()
                    .map(|value| value.name().to_owned())
                    .collect();
                schema.insert("type".to_owned(), json!("string"));
                schema.insert("enum".to_owned(), json!(names));
            }
            Enums::Number => {
                schema.insert("type".to_owned(), json!("integer"));
                schema.insert("format".to_owned(), json!("int32"));
            }
        }
        let comment = self
            .comments
            .of(source, &descriptor.parent_file(), descriptor.path());
        describe(&mut schema, comment);
        schema.into()
    }
}

/// Adds a description if there is one; what stands there stays.
pub(super) fn describe(schema: &mut Map<String, Value>, comment: String) {
    if !comment.is_empty() {
        schema.insert("description".to_owned(), comment.into());
    }
}

/// Returns the schema of a scalar.
fn scalar(kind: &Kind) -> Value {
    match kind {
        Kind::Bool => json!({"type": "boolean"}),
        Kind::Bytes => json!({"type": "string", "contentEncoding": "base64"}),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
            json!({"type": "integer", "format": "int32"})
        }
        Kind::Uint32 | Kind::Fixed32 => {
            json!({"type": "integer", "minimum": 0, "maximum": u32::MAX})
        }
        // 64 bits do not fit the numbers of JavaScript.
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
            json!({"type": "string", "format": "int64", "pattern": "^-?[0-9]+$"})
        }
        Kind::Uint64 | Kind::Fixed64 => {
            json!({"type": "string", "format": "uint64", "pattern": "^[0-9]+$"})
        }
        Kind::Float | Kind::Double => json!({
            "type": ["number", "string"],
            "format": if *kind == Kind::Float { "float" } else { "double" },
            "description": "A number, or one of \"NaN\", \"Infinity\" and \"-Infinity\".",
        }),
        Kind::String | Kind::Message(_) | Kind::Enum(_) => json!({"type": "string"}),
    }
}
