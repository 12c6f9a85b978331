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

pub use deed::Deed;
pub(crate) use deed::record_deed;
pub(crate) use record::{Actor, Event, record};
pub(crate) use service::AuditLog;
