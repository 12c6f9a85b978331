//! Leases: who lives where, from when until when, for how much.

mod day;
pub(crate) mod model;
mod rent;
pub(crate) mod service;
mod store;
