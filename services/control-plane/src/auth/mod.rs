//! Logging in: from a password to tokens, and on from one token to the next.

mod mails;
mod model;
mod once;
mod refresh;
mod reset;
mod service;
mod store;

pub(crate) use once::prune;
pub(crate) use service::Auth;
