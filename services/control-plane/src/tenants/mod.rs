//! Tenants: made with their schema, found, suspended and resumed.

mod create;
mod model;
mod operations;
mod provision;
mod reconcile;
mod service;
mod store;

pub(crate) use provision::Provisioner;
pub(crate) use reconcile::Reconciler;
pub(crate) use service::Tenants;
