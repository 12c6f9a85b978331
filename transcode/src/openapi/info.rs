//! What the caller adds to the document.

/// The head of an OpenAPI document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenApiInfo {
    /// Title of the API.
    pub title: String,
    /// Version of the API.
    pub version: String,
    /// What the API is for; may be empty. `CommonMark`.
    pub description: String,
    /// Base URLs; none means where the document was fetched from.
    pub servers: Vec<String>,
}

/// Whether and how a method appears in the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// It does not appear.
    Hidden,
    /// It needs no credential.
    Anonymous,
    /// It needs a bearer token or an API key.
    Authenticated,
}
