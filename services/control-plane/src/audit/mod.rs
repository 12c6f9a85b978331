//! The record of who did what: written by the calls themselves, read by admins.
//!
//! Rows are kept for as long as the database is.

#[cfg(test)]
mod actions;
mod deed;
mod model;
mod record;
mod service;
mod store;

pub(crate) use deed::of_run;
pub use deed::{Deed, record_deed};
pub(crate) use record::{Actor, Event, record};
pub(crate) use service::AuditLog;
