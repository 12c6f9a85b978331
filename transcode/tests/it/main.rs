//! The whole way through the crate, a file per promise.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod bounds;
mod compile;
mod conflicts;
mod conformance;
mod differential;
mod openapi;
mod proto2;
mod requests;
mod responses;
mod round_trips;
mod routes;
mod shapes;
mod statuses;
mod streams;
