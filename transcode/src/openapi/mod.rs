//! OpenAPI 3.1 of everything that is bound to a path.

mod document;
mod info;

pub(crate) use document::describe;
pub use info::{OpenApiInfo, Visibility};
