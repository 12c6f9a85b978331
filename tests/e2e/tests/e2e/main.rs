//! The promises of the product, a file for each.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod boundaries;
mod database_down;
mod errors;
mod headers;
mod interrupted;
mod lists;
mod scenario;
mod schemas;
mod suspend;
mod transparency;
