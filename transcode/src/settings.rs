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
