//! What slows the guessing of passwords and the sending of mails down.
//!
//! Failures are counted for the account that was named, whether or not there is
//! one: where the call came from, and altogether; and for where it came from,
//! whatever it named. After some of them in a row each try has to wait, twice as
//! long each time; an hour without one is a fresh start. Where the right password
//! came from within 30 days, failures elsewhere keep nobody out.

mod guard;
mod key;
mod limits;
mod mails;
mod model;
mod pace;
mod store;

pub(crate) use guard::Guard;
pub use limits::Limits;
pub(crate) use mails::{Asked, Invited};
pub(crate) use model::Attempt;
pub(crate) use store::prune;
