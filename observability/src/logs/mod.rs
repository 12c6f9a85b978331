//! Log lines.

mod json;

pub(crate) use json::JsonLines;
