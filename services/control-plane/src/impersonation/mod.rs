//! Staff of the platform who act as a member of a tenant: the only way by which
//! they reach its data. It is short, it cannot be prolonged, and the tenant reads
//! of it in its record.

mod model;
mod service;
mod store;

pub(crate) use service::Impersonations;
