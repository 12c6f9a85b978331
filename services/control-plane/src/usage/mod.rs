//! What a tenant uses of the product, measured when it is asked for.

mod model;
mod service;
mod store;

pub(crate) use service::Measures;
