//! Units: the parts of a property that are let as one.

pub(crate) mod model;
pub(crate) mod service;
mod store;
