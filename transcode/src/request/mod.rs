//! From path, query and body to a request message.

mod body;
mod build;
mod content_type;
mod elements;
mod mask;
mod query;
mod stream;

pub(crate) use build::build;
pub use stream::RequestStream;
