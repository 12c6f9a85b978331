//! The migration sets, and the engine that applies them.
//!
//! There are two sets of SQL files: `public`, for the control plane's own
//! tables, and `tenant`, for every tenant's schema. Each file is applied once,
//! in order, in one transaction with the row that records it, under an advisory
//! lock that is polled and never waited on. A tenant's files run as the role
//! that owns its schema, so a statement that reaches further fails instead of
//! touching another tenant.
//!
//! A [`Runner`] brings a whole fleet on: in waves, until too many fail, with a
//! record of every tenant that a later run goes on from.

mod accept;
mod alone;
mod bootstrap;
mod change;
mod deprovision;
mod drift;
mod error;
mod files;
mod fleet;
mod history;

mod one;
mod patience;
mod provision;
mod public;
mod sets;
mod statement;
mod status;

pub use accept::accept;
pub use bootstrap::{Logins, bootstrap};
pub use deprovision::{Dependent, Traces, deprovision, traces};
pub use drift::{Difference, Drift, DriftReport, drift, prove_baseline};
pub use error::Error;
pub use files::create;
pub use fleet::{
    Begun, Came, Canary, Candidate, Event, ItemState, Pace, Plan, RUNS, Request, Rollout, Run,
    RunKind, RunState, Runner, Selection, Task, Tolerance, Wave,
};
pub use history::Order;
pub use one::migrate_tenant;
pub use provision::{Fence, NewTenant, provision, set_fence};
pub use public::migrate_public;
pub use sets::{Allowed, Baseline, Down, Form, Header, Migration, Phase, Set, SetName, Sets};
pub use statement::keep;
pub use status::{Status, status};
