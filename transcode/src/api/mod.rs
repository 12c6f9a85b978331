//! The compiled API: from descriptor sets and rules to routes.

mod api;
mod route;
mod source;

pub use api::{Api, BindingInfo};
pub use route::{Rendered, Route};
pub use source::Source;
