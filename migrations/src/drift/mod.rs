//! Whether schemas are what the files say: all of them at once, from the catalog.
//!
//! A reference is made from the files in a transaction that is undone, described,
//! and compared with every tenant's description. What differs is named.

mod catalog;
mod compare;
mod reference;

pub use compare::{Difference, Drift, DriftReport, drift, prove_baseline};
