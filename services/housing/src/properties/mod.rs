//! Properties: buildings, or groups of buildings at one address.

pub(crate) mod model;
pub(crate) mod service;
mod store;
