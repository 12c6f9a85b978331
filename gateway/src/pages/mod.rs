//! What the port says of itself: the OpenAPI document and a page to read it and
//! try calls, health, and reflection.

mod builtin;
mod documents;

pub(crate) use builtin::{Health, builtin};
pub(crate) use documents::{Documents, openapi};
