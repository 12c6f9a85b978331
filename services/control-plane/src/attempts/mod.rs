//! What slows the guessing of passwords and the sending of mails down.
//!
//! Failures are counted for the account that was named, whether or not there is
//! one, and for where the call came from. After some of them in a row each try has
//! to wait, twice as long each time; an hour without one is a fresh start.

mod guard;
mod model;
mod store;

pub(crate) use guard::Guard;
pub(crate) use model::{Asked, Attempt};
pub(crate) use store::prune;
