//! From an HTTP method and a raw path to a binding.

mod path;
mod tree;

pub(crate) use path::RawPath;
pub(crate) use tree::{Found, Router};
