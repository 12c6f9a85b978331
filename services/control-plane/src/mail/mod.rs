//! Mails to people, sent after the call that asked for them has ended.
//!
//! A call writes a row in its transaction; a task makes the token, keeps its hash,
//! and sends the mail. So no token rests in the database, and a call takes the same
//! time whether or not there is anybody to write to.

mod config;
mod folder;
mod mailer;
mod model;
mod post;
mod sender;
mod smtp;
mod store;
mod texts;

pub use config::{MailConfig, Secret};
pub(crate) use model::Kind;
pub(crate) use post::Post;
pub(crate) use sender::Sender;
pub(crate) use store::enqueue;
