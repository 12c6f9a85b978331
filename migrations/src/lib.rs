//! The migration sets, and the engine that applies them.
//!
//! There are two sets of SQL files: `public`, for the control plane's own
//! tables, and `tenant`, for every tenant's schema. Each file is applied once,
//! in order, in one transaction with the row that records it, under an advisory
//! lock that is polled and never waited on. A tenant's files run as the role
//! that owns its schema, so a statement that reaches further fails instead of
//! touching another tenant.

mod bootstrap;
mod deprovision;
mod error;
mod files;
mod history;
mod lint;
mod provision;
mod run;
mod sets;
mod statement;
mod status;

pub use bootstrap::{Logins, bootstrap};
pub use deprovision::{Dependent, Traces, deprovision, traces};
pub use error::Error;
pub use files::create;
pub use provision::{Fence, NewTenant, provision, set_fence};
pub use run::{Options, Outcome, Report, migrate_public, migrate_tenant, migrate_tenants};
pub use sets::{Migration, Set, SetName, Sets};
pub use statement::keep;
pub use status::{Status, status};
