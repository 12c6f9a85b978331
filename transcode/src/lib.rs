//! HTTP/JSON to gRPC and back by descriptors, without I/O.
//!
//! [`Api::compile`] takes descriptor sets and `google.api.http` rules; an
//! [`Api`] then finds the [`Route`] of a path, makes request messages of path,
//! query and body, and renders responses and errors as `ProtoJSON`. Nothing a
//! client sends is guessed at: unknown, doubled and conflicting values are
//! refused with the name of the field.
//!
//! It leaves out everything that needs a socket: streams, headers, limits of
//! size, except that of one message in a stream. Messages come and go as wire
//! bytes.

mod api;
mod binding;
mod fault;
mod json;
mod method;
mod openapi;
mod percent;
mod request;
mod response;
mod router;
mod rule;
mod settings;
mod status;
mod template;

pub use api::{Api, BindingInfo, Route, Source};
pub use fault::{
    Fault, Faults, FieldFault, MAX_FAULTS, Place, RequestError, ResponseError, RouteError,
};
pub use method::Method;
pub use openapi::{OpenApiInfo, Visibility};
pub use request::RequestStream;
pub use response::Rendered;
pub use rule::{CustomPattern, HttpRule};
pub use settings::{Defaults, Enums, FieldNames, JsonOptions, UnknownFields};
