//! The promises of the product, a file for each.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod boundaries;
mod interrupted;
mod schemas;
