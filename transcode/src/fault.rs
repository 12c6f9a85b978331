//! What can be wrong with a configuration, a path, a request or a response.

use std::fmt;

use http::Method;

/// Everything that is wrong with the sources of an [`crate::Api`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// One thing that is wrong with a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Name of the upstream.
    pub source: String,
    /// Full name of the method, such as `pkg.Service.Method`; empty if it
    /// concerns the whole upstream.
    pub method: String,
    /// HTTP method and template of the binding; empty if it concerns none.
    pub template: String,
    /// What is wrong.
    pub description: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "upstream `{}`", self.source)?;
        if !self.method.is_empty() {
            write!(f, ", method `{}`", self.method)?;
        }
        if !self.template.is_empty() {
            write!(f, ", binding `{}`", self.template)?;
        }
        write!(f, ": {}", self.description)
    }
}

/// Why a path leads to no method.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// Nothing is bound there.
    #[error("no method is bound to this path")]
    NotFound,
    /// Something is bound there, for other HTTP methods.
    #[error("no method is bound to this path for this HTTP method")]
    MethodNotAllowed {
        /// The HTTP methods that are bound.
        allow: Vec<Method>,
    },
    /// The path itself is not acceptable.
    #[error("the path {0}")]
    BadPath(&'static str),
}

/// Why no request message can be made of an HTTP request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The body is of a type that the method does not take.
    #[error("the content type must be application/json in UTF-8")]
    UnsupportedMediaType,
    /// A message of a stream is larger than the limit.
    #[error("a message is larger than the limit")]
    TooLarge,
    /// Path, query or body break a rule; all faults at once, at most
    /// [`MAX_FAULTS`].
    #[error("{}", joined(.0))]
    Invalid(Vec<FieldFault>),
}

/// So many faults of one request are reported at most.
pub const MAX_FAULTS: usize = 32;

/// Writes faults on one line.
fn joined(faults: &[FieldFault]) -> String {
    let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
    faults.join("; ")
}

/// Where in a request a value stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the path.
    Path,
    /// In the query.
    Query,
    /// In the body.
    Body,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Body => "body",
        })
    }
}

/// One value of a request that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldFault {
    /// Where it stood.
    pub place: Place,
    /// Path of the field as the proto spells it, such as `items[2].name`; the
    /// key as sent if it names no field; empty for faults of syntax.
    pub field: String,
    /// What is wrong, for a person; long values are shortened.
    pub description: String,
    /// Index of its message, from 0, where the body is a stream of them.
    pub element: Option<usize>,
    /// Line of the body, from 1.
    pub line: Option<usize>,
    /// Column within the line in bytes, from 1.
    pub column: Option<usize>,
}

impl fmt::Display for FieldFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.place)?;
        if !self.field.is_empty() {
            write!(f, " `{}`", self.field)?;
        }
        if let Some(element) = self.element {
            write!(f, " of message {element}")?;
        }
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, " (line {line}, column {column})")?;
        }
        write!(f, ": {}", self.description)
    }
}

/// Why a response cannot be sent: the upstream is at fault, nothing has been
/// written yet.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ResponseError {
    /// The bytes are not a message of the declared type.
    #[error("the upstream's message cannot be decoded")]
    Undecodable(#[source] prost::DecodeError),
    /// A value has no JSON form.
    #[error("field `{field}` cannot be rendered: {description}")]
    Unrenderable {
        /// Path of the field as the proto spells it.
        field: String,
        /// What is wrong with its value.
        description: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field_fault(field: &str, line: Option<usize>) -> FieldFault {
        FieldFault {
            place: Place::Body,
            field: field.into(),
            description: "there is no such field".into(),
            element: None,
            line,
            column: line.map(|_| 7),
        }
    }

    #[test]
    fn a_fault_of_a_field_says_where_it_is() {
        for (fault, expected) in [
            (
                field_fault("a.b", Some(3)),
                "body `a.b` (line 3, column 7): there is no such field",
            ),
            (
                field_fault("a.b", None),
                "body `a.b`: there is no such field",
            ),
            (field_fault("", None), "body: there is no such field"),
        ] {
            assert_eq!(fault.to_string(), expected);
        }
    }

    #[test]
    fn a_request_error_tells_all_faults() {
        let error = RequestError::Invalid(vec![field_fault("a", None), field_fault("b", None)]);
        assert_eq!(
            error.to_string(),
            "body `a`: there is no such field; body `b`: there is no such field"
        );
    }

    #[test]
    fn faults_of_a_configuration_stand_on_lines_of_their_own() {
        let fault = |method: &str, template: &str| Fault {
            source: "housing".into(),
            method: method.into(),
            template: template.into(),
            description: "it is wrong".into(),
        };
        let faults = Faults(vec![fault("", ""), fault("a.B.C", "GET /v1")]);
        assert_eq!(
            faults.to_string(),
            "upstream `housing`: it is wrong\n\
             upstream `housing`, method `a.B.C`, binding `GET /v1`: it is wrong"
        );
    }
}
