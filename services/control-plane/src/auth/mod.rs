//! Logging in: from a password to a token.

mod model;
mod service;
mod store;

pub(crate) use service::Auth;
