//! OpenAPI 3.1 of everything that is bound to a path.

mod info;

pub use info::{OpenApiInfo, Visibility};
