//! What is counted: one table, and the handles to count with.

mod label;
mod registry;
mod table;

pub use label::Protocol;
pub use registry::{Discard, InFlight, KeyLookup, Metrics, Outcome};
pub use table::{Info, METRICS};
