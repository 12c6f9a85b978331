//! The control plane: tenants and their life cycle, people and their
//! memberships, the tokens they log in with, and the record of who did what.
//!
//! It alone works in schema `public`. Each resource is three files, as in every
//! service: `model.rs` (types and rules), `store.rs` (SQL, takes a transaction)
//! and `service.rs` (converts, calls, maps errors). [`ControlPlane`] puts them
//! together; what it has started ends with [`ControlPlane::run`].

mod config;
mod control_plane;
mod error;

pub use config::Config;
pub use control_plane::{ControlPlane, NAME, OPERATOR_EMAIL};
pub use error::Error;
