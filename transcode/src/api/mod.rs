//! The compiled API: from descriptor sets and rules to routes.

mod allow;
mod compile;
mod compiled;
mod descriptors;
mod route;
mod source;

pub use compiled::{Api, BindingInfo};
pub use route::Route;
pub use source::Source;
