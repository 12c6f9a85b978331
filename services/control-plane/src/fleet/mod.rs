//! Migrations of all tenants: one run at a time, kept in a table, and going on
//! whether or not anybody looks.

mod model;
mod run;
mod service;
mod store;

pub(crate) use service::{Fleet, MigrationStream};
pub(crate) use store::sweep;
