//! A binding after checking.

use std::{fmt, sync::Arc};

use prost_reflect::{DescriptorPool, FieldDescriptor, MessageDescriptor};

use super::field_path::FieldPath;
use crate::{method::Method, settings::JsonOptions, template::Template};

/// Everything that is known of a binding before a request comes.
pub(crate) struct Binding {
    pub(crate) method: Arc<Method>,
    /// The HTTP method, or `*`.
    pub(crate) verb: String,
    pub(crate) template: Template,
    /// The fields of the template's variables, in their order.
    pub(crate) variables: Vec<FieldPath>,
    pub(crate) body: Body,
    pub(crate) response_body: Option<FieldDescriptor>,
    pub(crate) input: MessageDescriptor,
    pub(crate) output: MessageDescriptor,
    /// The field mask that a `PATCH` fills from the keys of its body.
    pub(crate) update_mask: Option<FieldDescriptor>,
    pub(crate) json: JsonOptions,
    /// All types of the source.
    pub(crate) pool: DescriptorPool,
}

/// What the body of a request fills.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Body {
    /// Nothing; there must be none.
    None,
    /// The whole message, but for what the path binds.
    Whole,
    /// One field.
    Field(FieldDescriptor),
}

/// By hand: descriptors print all they refer to, and a message that contains
/// itself without end.
impl fmt::Debug for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Binding")
            .field("method", &self.method.path)
            .field("verb", &self.verb)
            .field("template", &self.template.text)
            .finish_non_exhaustive()
    }
}

impl Binding {
    /// Whether the body is the bytes of a `google.api.HttpBody`.
    pub(crate) fn raw_request(&self) -> bool {
        match &self.body {
            Body::None => false,
            Body::Whole => is_http_body(&self.input),
            Body::Field(field) => is_http_body_field(field),
        }
    }

    /// Whether the response is the bytes of a `google.api.HttpBody`.
    pub(crate) fn raw_response(&self) -> bool {
        match &self.response_body {
            None => is_http_body(&self.output),
            Some(field) => is_http_body_field(field),
        }
    }
}

fn is_http_body(message: &MessageDescriptor) -> bool {
    message.full_name() == "google.api.HttpBody"
}

fn is_http_body_field(field: &FieldDescriptor) -> bool {
    let kind = field.kind();
    !field.is_list() && kind.as_message().is_some_and(is_http_body)
}
