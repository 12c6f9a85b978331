//! A template after parsing.

/// A path template, such as `/v1/{name=tenants/*}:suspend`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    /// As written.
    pub(crate) text: String,
    /// What it matches, variables flattened.
    pub(crate) segments: Vec<Segment>,
    /// Which segments fill which field.
    pub(crate) variables: Vec<Variable>,
    /// What follows the `:`, decoded.
    pub(crate) verb: Option<String>,
}

/// What one segment of a path must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Segment {
    /// This text, decoded.
    Literal(String),
    /// This text, decoded, and it is part of a variable's pattern.
    VariableLiteral(String),
    /// Any one segment.
    Star,
    /// Any number of segments, zero included; the last part of a template.
    DoubleStar,
}

/// A variable and the segments it covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Variable {
    /// Dotted path of the field.
    pub(crate) path: String,
    /// Index of its first segment.
    pub(crate) start: usize,
    /// Index after its last segment.
    pub(crate) end: usize,
    /// Whether it may match more or less than one segment: then `%2F` stays as
    /// sent, because a decoded one would look like a border of segments.
    pub(crate) multi: bool,
}
