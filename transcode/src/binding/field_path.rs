//! The way from a message to a field inside it.

use std::borrow::Cow;

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};

use crate::json::Known;

/// Fields from a message inwards; all but the last are singular messages.
#[derive(Clone)]
pub(crate) struct FieldPath {
    /// In proto names, dotted.
    pub(crate) text: String,
    fields: Vec<FieldDescriptor>,
    last: FieldDescriptor,
}

/// Why a path leads to no field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoField {
    /// There is no field of that name.
    Unknown,
    /// What is named lies inside something that cannot be reached into.
    Closed(&'static str),
}

/// Paths lead at most this deep; messages may contain themselves.
const MAX_DEPTH: usize = 32;

impl FieldPath {
    /// Follows a dotted path of proto names or, if `json_names`, of JSON names
    /// beside them.
    ///
    /// # Errors
    /// If it does not lead to a field.
    pub(crate) fn resolve(
        message: &MessageDescriptor,
        path: &str,
        json_names: bool,
    ) -> Result<Self, NoField> {
        let mut fields = Vec::new();
        let mut message = message.clone();
        let mut parts = path.split('.');
        loop {
            let part = parts.next().ok_or(NoField::Unknown)?;
            let by_json = json_names.then(|| message.get_field_by_json_name(part));
            let field = by_json
                .flatten()
                .or_else(|| message.get_field_by_name(part))
                .ok_or(NoField::Unknown)?;
            if parts.clone().next().is_none() {
                return Ok(Self::of(fields, field));
            }
            message = inside(&field)?;
            fields.push(field);
            if fields.len() == MAX_DEPTH {
                return Err(NoField::Closed("too deep"));
            }
        }
    }

    /// Joins the names of the fields.
    fn of(fields: Vec<FieldDescriptor>, last: FieldDescriptor) -> Self {
        let names = fields.iter().chain([&last]).map(FieldDescriptor::name);
        Self {
            text: names.collect::<Vec<_>>().join("."),
            fields,
            last,
        }
    }

    /// Returns the field it leads to.
    pub(crate) const fn field(&self) -> &FieldDescriptor {
        &self.last
    }

    /// Returns the first field on the way.
    pub(crate) fn first(&self) -> &FieldDescriptor {
        self.fields.first().unwrap_or(&self.last)
    }

    /// Returns the value there, or its default.
    pub(crate) fn get<'m>(&self, message: &'m DynamicMessage) -> Cow<'m, Value> {
        let Some((first, rest)) = self.fields.split_first() else {
            return message.get_field(&self.last);
        };
        let mut value = message.get_field(first);
        for field in rest.iter().chain([&self.last]) {
            let next = match &value {
                Cow::Borrowed(Value::Message(message)) => message.get_field(field),
                Cow::Owned(Value::Message(message)) => {
                    Cow::Owned(message.get_field(field).into_owned())
                }
                _ => return value,
            };
            value = next;
        }
        value
    }

    /// Sets the value there, or adds it to the list there.
    ///
    /// # Errors
    /// If another member of a oneof on the way is set.
    pub(crate) fn put(&self, message: &mut DynamicMessage, value: Value) -> Result<(), String> {
        let mut message = message;
        for field in &self.fields {
            check_oneof(message, field)?;
            message = message
                .get_field_mut(field)
                .as_message_mut()
                .ok_or("it is not a message")?;
        }
        check_oneof(message, &self.last)?;
        match message.has_field(&self.last) && self.last.is_list() {
            true => message
                .get_field_mut(&self.last)
                .as_list_mut()
                .ok_or("it is not a list")?
                .push(value),
            false if self.last.is_list() => {
                message.set_field(&self.last, Value::List(vec![value]));
            }
            false => message.set_field(&self.last, value),
        }
        Ok(())
    }
}

/// Returns the message that a field holds, if a path may lead into it.
fn inside(field: &FieldDescriptor) -> Result<MessageDescriptor, NoField> {
    if field.is_map() {
        return Err(NoField::Closed("a map"));
    }
    let Kind::Message(message) = field.kind() else {
        return Err(NoField::Unknown);
    };
    if field.is_list() {
        return Err(NoField::Closed("a repeated message"));
    }
    match Known::of(&message) {
        None => Ok(message),
        Some(Known::Struct | Known::Value | Known::ListValue | Known::Any) => {
            Err(NoField::Closed("a message without fields of its own"))
        }
        Some(_) => Err(NoField::Unknown),
    }
}

/// Refuses a field beside another member of its oneof: the wire would keep the
/// last one only.
fn check_oneof(message: &DynamicMessage, field: &FieldDescriptor) -> Result<(), String> {
    let Some(oneof) = field.containing_oneof() else {
        return Ok(());
    };
    let mut others = oneof.fields();
    match others.find(|other| other != field && message.has_field(other)) {
        Some(other) => Err(format!(
            "only one of `{}` and `{}` may be set",
            other.name(),
            field.name()
        )),
        None => Ok(()),
    }
}
