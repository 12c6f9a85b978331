//! Work orders: what is to be repaired or done in a unit.

mod events;
pub(crate) mod model;
pub(crate) mod service;
pub(crate) mod store;
