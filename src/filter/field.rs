//! The fields of a list.

use uuid::Uuid;

/// A field that a list may be filtered and ordered by.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Path as the proto spells it, such as `address.city`; callers may also
    /// write it as JSON does.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether the list may be ordered by it.
    pub sort: bool,
}

/// What a field holds, which says how it compares.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Text. `=` takes `*` at either end for anything, `:` looks for a part.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Flag,
    /// A moment, RFC 3339.
    Time,
    /// A day, `YYYY-MM-DD`.
    Date,
    /// An enum: its names, and what is stored for each.
    Word(&'static [(&'static str, &'static str)]),
    /// A reference: reads a resource name.
    Id(fn(&str) -> Option<Uuid>),
}

impl Field {
    /// Whether a caller means this field.
    fn is_called(&self, name: &str) -> bool {
        self.name == name || is_json_name(name, self.name)
    }
}

/// Returns the place of the field that a caller names.
pub(super) fn find(fields: &[Field], name: &str) -> Option<usize> {
    fields.iter().position(|field| field.is_called(name))
}

/// Whether a name is a proto path in lowerCamelCase.
fn is_json_name(name: &str, path: &str) -> bool {
    let mut given = name.chars();
    let mut upper = false;
    for c in path.chars() {
        if c == '_' {
            upper = true;
            continue;
        }
        let expected = if upper { c.to_ascii_uppercase() } else { c };
        upper = false;
        if given.next() != Some(expected) {
            return false;
        }
    }
    given.next().is_none()
}

/// Quotes a piece of what a caller wrote, shortened.
pub(super) fn piece(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}

/// Says that there is no such field, and which there are.
pub(super) fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<_> = known.collect();
    let name = piece(name);
    format!("has no field {name}; there are {}", known.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_goes_by_its_proto_and_its_json_name() {
        let field = |name| Field {
            name,
            kind: Kind::Text,
            sort: false,
        };
        let fields = [field("display_name"), field("address.postal_code")];
        for (name, expected) in [
            ("display_name", Some(0)),
            ("displayName", Some(0)),
            ("address.postalCode", Some(1)),
            ("address.postal_code", Some(1)),
            ("display_Name", None),
            ("displayname", None),
            ("displayNames", None),
            ("postalCode", None),
            ("", None),
        ] {
            assert_eq!(find(&fields, name), expected, "{name}");
        }
    }

    #[test]
    fn what_is_quoted_back_is_short() {
        assert_eq!(piece("abc"), "`abc`");
        assert_eq!(piece(&"ü".repeat(60)), format!("`{}`", "ü".repeat(60)));
        assert_eq!(piece(&"ü".repeat(61)), format!("`{}…`", "ü".repeat(60)));
    }
}
