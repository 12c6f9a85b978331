//! Logging in: from a password to tokens, and on from one token to the next.

mod mails;
mod model;
mod once;
mod prune;
mod refresh;
mod reset;
mod service;
mod store;

pub(crate) use prune::prune;
pub(crate) use service::Auth;
