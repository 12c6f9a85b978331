//! Runs over many tenants: which ones, in what order, how many failures are too
//! many, and a record that a later run can go on from.

mod begin;
mod model;
mod plan;
mod request;
mod runner;
mod shift;
mod store;
mod work;

pub use begin::Begun;
pub use model::{Came, ItemState, Run, RunKind, RunState};
pub use plan::{Candidate, Plan, Wave};
pub use request::{Canary, Pace, Request, Rollout, Selection, Task, Tolerance};
pub use runner::{Event, Runner};
pub use store::RUNS;
