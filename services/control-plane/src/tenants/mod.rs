//! Tenants and their life: made with their schema, found, renamed, suspended,
//! maintained, deleted and restored.

mod access;
mod activation;
mod change;
mod create;
mod deletion;
mod domain;
mod domains;
mod lifecycle;
mod list;
mod model;
mod names;
mod operations;
mod provision;
mod reconcile;
mod service;
mod settings;
mod store;
mod transition;
mod update;

pub(crate) use provision::Provisioner;
pub(crate) use reconcile::Reconciler;
pub(crate) use service::Tenants;
