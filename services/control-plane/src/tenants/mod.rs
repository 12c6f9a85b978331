//! Tenants and their life: made with their schema, found, renamed, suspended,
//! maintained, deleted, restored and purged.

mod access;
mod activation;
mod attempt;
mod cancel;
mod change;
mod create;
mod deletion;
mod domain;
mod domains;
mod forget;
mod lifecycle;
mod list;
mod model;
mod names;
mod operations;
mod outcome;
mod provision;
mod purge;
mod purge_call;
mod purge_store;
mod queue;
mod reconcile;
mod records;
mod service;
mod settings;
mod store;
mod survey;
mod transition;
mod update;

pub(crate) use cancel::cancel;
pub(crate) use provision::Provisioner;
pub(crate) use purge::Purger;
pub(crate) use queue::Queue;
pub use reconcile::Reconciled;
pub(crate) use reconcile::Reconciler;
pub(crate) use records::{LISTING, delete, get as get_operation, list as list_operations};
pub(crate) use service::Tenants;
