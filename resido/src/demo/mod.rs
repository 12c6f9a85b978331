//! The demo: two tenants with people, properties and units, residents, leases and
//! work orders.
//!
//! Made anew where something is missing, and left alone where it is there. A
//! tenant that the demo did not make is never written to: its data are somebody's,
//! and the demo's passwords are known to everybody.

mod data;
mod housing;
mod living;
mod people;
mod tries;

pub(crate) use data::{PASSWORD, TENANTS, email};
pub(crate) use housing::seed_housing;
pub(crate) use people::seed_people;
pub(crate) use tries::{reachable, tries};
