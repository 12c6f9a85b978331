//! What the query says.

use std::collections::HashSet;

use prost_reflect::DynamicMessage;

use crate::{
    binding::{Binding, Body, FieldPath, NoField},
    fault::{FieldFault, Place},
    json::{from_text, has_text_form, shorten},
    percent::{self, Mode},
    settings::UnknownFields,
};

/// A query holds at most this many parameters.
const MAX_PARAMETERS: usize = 1000;

/// Binds every parameter of a raw query.
pub(super) fn bind(
    binding: &Binding,
    query: &str,
    message: &mut DynamicMessage,
    faults: &mut Vec<FieldFault>,
) {
    let mut query_state = Query {
        binding,
        seen: HashSet::new(),
    };
    let parameters = query.split('&').filter(|part| !part.is_empty());
    for (index, parameter) in parameters.enumerate() {
        if index == MAX_PARAMETERS {
            faults.push(fault("", "there are more than 1000 parameters".to_owned()));
            return;
        }
        faults.extend(query_state.parameter(parameter, message).err());
    }
}

/// The state of reading one query.
struct Query<'b> {
    binding: &'b Binding,
    /// Paths of the singular fields that were set.
    seen: HashSet<String>,
}

impl Query<'_> {
    /// Binds one `key=value`.
    fn parameter(
        &mut self,
        parameter: &str,
        message: &mut DynamicMessage,
    ) -> Result<(), FieldFault> {
        let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let decode = |text, what: &str| {
            percent::decode(text, Mode::Form)
                .map_err(|error| fault(key, format!("its {what} {}", error.as_str())))
        };
        let (key, value) = (decode(key, "key")?, decode(value, "value")?);
        let path = match FieldPath::resolve(&self.binding.input, &key, true) {
            Ok(path) => path,
            Err(NoField::Unknown) => return self.unknown(&key, "there is no such field"),
            Err(NoField::Closed(what)) => {
                let what = format!("a query cannot lead into {what}");
                return Err(fault(&key, what));
            }
        };
        if let Some(bound) = self.bound(&path) {
            return agree(bound, &value, message);
        }
        match &self.binding.body {
            Body::Whole => return self.unknown(&path.text, "it belongs into the body"),
            Body::Field(field) if path.first() == field => {
                return self.unknown(&path.text, "it belongs into the body");
            }
            Body::Field(_) | Body::None => {}
        }
        self.set(&path, &value, message)
    }

    /// Finds the variable of the path that binds the same field.
    fn bound(&self, path: &FieldPath) -> Option<&FieldPath> {
        let mut variables = self.binding.variables.iter();
        variables.find(|variable| variable.text == path.text)
    }

    /// Refuses a parameter that has no place, or skips it if the source is lenient.
    fn unknown(&self, key: &str, what: &str) -> Result<(), FieldFault> {
        match self.binding.json.unknown_fields {
            UnknownFields::Ignore => Ok(()),
            UnknownFields::Refuse => Err(fault(key, what.to_owned())),
        }
    }

    /// Sets a singular field once, or adds to a list.
    fn set(
        &mut self,
        path: &FieldPath,
        text: &str,
        message: &mut DynamicMessage,
    ) -> Result<(), FieldFault> {
        let field = path.field();
        let kind = field.kind();
        let many_messages = field.is_list() && kind.as_message().is_some();
        if field.is_map() || many_messages || !has_text_form(&kind) {
            let what = "a value of this type cannot be given in a query";
            return Err(fault(&path.text, what.to_owned()));
        }
        if !field.is_list() && !self.seen.insert(path.text.clone()) {
            return Err(fault(&path.text, "it is given more than once".to_owned()));
        }
        from_text(&kind, text)
            .and_then(|value| path.put(message, value))
            .map_err(|what| fault(&path.text, what))
    }
}

/// Checks that a parameter says the same as the path.
fn agree(bound: &FieldPath, text: &str, message: &DynamicMessage) -> Result<(), FieldFault> {
    let value = from_text(&bound.field().kind(), text).map_err(|what| fault(&bound.text, what))?;
    if *bound.get(message) == value {
        return Ok(());
    }
    let text = shorten(text);
    let what = format!("the query says {text}, the path something else");
    Err(fault(&bound.text, what))
}

fn fault(field: &str, description: String) -> FieldFault {
    FieldFault {
        place: Place::Query,
        field: shorten(field).trim_matches('`').to_owned(),
        description,
        element: None,
        line: None,
        column: None,
    }
}
