//! The promises of the product, a file for each.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod api_keys;
mod boundaries;
mod client_address;
mod control;
mod crashes;
mod database_down;
mod deadlines;
mod decisions;
mod errors;
mod fleet;
mod foreign;
mod guide;
mod headers;
mod housing;
mod interrupted;
mod lifecycle;
mod lists;
mod metrics;
mod operations;
mod pages;
mod port;
mod processes;
mod readme_tour;
mod refused_work;
mod rest_streams;
mod scenario;
mod schemas;
mod shared_secret;
mod stream_ends;
mod suspend;
mod transparency;
