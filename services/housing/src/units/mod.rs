//! Units: the parts of a property that are let as one.

mod model;
pub(crate) mod service;
mod store;
