//! Documents: files that belong to a lease.

pub(crate) mod model;
pub(crate) mod service;
mod store;
