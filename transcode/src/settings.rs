//! How one upstream's messages look in JSON.

use serde::Deserialize;

/// Choices between the spellings that `ProtoJSON` allows, for one upstream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JsonOptions {
    /// What happens to keys that name no field. Default: `refuse`.
    pub unknown_fields: UnknownFields,
    /// How enum values are written. Default: `name`.
    pub enums: Enums,
    /// How fields are called in what we write. Default: `json`.
    pub field_names: FieldNames,
    /// Whether fields with default values are written. Default: `emit`.
    pub defaults: Defaults,
}

/// What happens to a query key or a body key that names no field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnknownFields {
    /// The request is refused, naming the key.
    #[default]
    Refuse,
    /// The key and its value are skipped.
    Ignore,
}

/// How enum values are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Enums {
    /// By name; numbers that have none as numbers.
    #[default]
    Name,
    /// By number.
    Number,
}

/// How fields are called in what we write; both names are understood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FieldNames {
    /// By `json_name`, which is lowerCamelCase unless the proto says otherwise.
    #[default]
    Json,
    /// As the proto spells them.
    Proto,
}

/// Whether fields without presence are written when they hold their default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Defaults {
    /// They are written.
    #[default]
    Emit,
    /// They are left out.
    Omit,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_strict_and_complete() {
        let options: JsonOptions = serde_json::from_str("{}").unwrap();
        assert_eq!(options, JsonOptions::default());
        assert_eq!(options.unknown_fields, UnknownFields::Refuse);
        assert_eq!(options.enums, Enums::Name);
        assert_eq!(options.field_names, FieldNames::Json);
        assert_eq!(options.defaults, Defaults::Emit);
    }

    #[test]
    fn choices_are_lower_case_words() {
        let read = |text: &str| serde_json::from_str::<JsonOptions>(text);
        let options = read(
            r#"{"unknown_fields": "ignore", "enums": "number", "field_names": "proto", "defaults": "omit"}"#,
        );
        let expected = JsonOptions {
            unknown_fields: UnknownFields::Ignore,
            enums: Enums::Number,
            field_names: FieldNames::Proto,
            defaults: Defaults::Omit,
        };
        assert_eq!(options.unwrap(), expected);
        for text in [
            r#"{"enums": "Name"}"#,
            r#"{"enums": "names"}"#,
            r#"{"pretty": true}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
