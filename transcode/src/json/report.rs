//! What a reading says of values that do not fit, and where they stand.

use super::{
    lex::{Lexer, Peek, SyntaxError, position},
    read::{Reader, Step},
    scalar::shorten,
};
use crate::{
    fault::{FieldFault, MAX_FAULTS, Place},
    settings::UnknownFields,
};

impl<'a> Reader<'a> {
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

    /// Cuts the path where [`Reader::enter_path`] has extended it.
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
            element: None,
            line: Some(line),
            column: Some(column),
        });
    }
}

/// Says where a body stops being JSON.
pub(super) fn syntax(body: &[u8], at: usize, what: &str) -> FieldFault {
    let (line, column) = position(body, at);
    FieldFault {
        place: Place::Body,
        field: String::new(),
        description: what.to_owned(),
        element: None,
        line: Some(line),
        column: Some(column),
    }
}
