//! From path, query and body to a request message.

mod body;
mod build;
mod content_type;
mod mask;
mod query;

pub(crate) use build::build;
