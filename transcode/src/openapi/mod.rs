//! OpenAPI 3.1 of everything that is bound to a path.

mod comments;
mod document;
mod info;
mod operation;
mod paths;
mod schema;

pub(crate) use document::describe;
pub use info::{OpenApiInfo, Visibility};
