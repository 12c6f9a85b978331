//! The compiled API: from descriptor sets and rules to routes.

mod allow;
mod api;
mod compile;
mod descriptors;
mod route;
mod source;

pub use api::{Api, BindingInfo};
pub use route::Route;
pub use source::Source;
