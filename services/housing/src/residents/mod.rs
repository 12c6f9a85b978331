//! Residents: people who live in units, or will.

pub(crate) mod import;
pub(crate) mod model;
pub(crate) mod service;
mod store;
