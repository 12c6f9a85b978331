//! The control plane: tenants and their life cycle, people and their
//! memberships, the tokens they log in with, and the record of who did what.
//!
//! It alone works in schema `public`. Each resource is three files, as in every
//! service: `model.rs` (types and rules), `store.rs` (SQL, takes a transaction)
//! and `service.rs` (converts, calls, maps errors). [`ControlPlane`] puts them
//! together; what it has started ends with [`ControlPlane::run`].

mod api_keys;
mod attempts;
mod audit;
mod auth;
mod cause;
mod config;
mod control_plane;
mod error;
mod export;
mod faults;
mod fence;
mod fleet;
mod grpc;
mod impersonation;
mod mail;
mod operations;
mod origin;
mod outbox;
mod passwords;
mod roles;
mod row;
mod sessions;
mod staff;
mod tenants;
mod tokens;
mod usage;
mod users;
mod watch;

pub use attempts::Limits;
pub use audit::{Deed, record_deed};
pub use config::{Config, MAX_TOKEN_SECONDS, NAME};
pub use control_plane::{ControlPlane, Holder, OPERATOR_EMAIL};
pub use error::Error;
pub use faults::{Faults, Step};
pub use mail::{MailConfig, Secret};
pub use tenants::Reconciled;
pub use tokens::KeyRing;
