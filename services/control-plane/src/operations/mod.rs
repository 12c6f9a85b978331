//! Long-running operations: listed, waited for, cancelled, forgotten.

mod model;
mod service;

pub(crate) use service::Operations;
