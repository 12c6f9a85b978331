//! What the end-to-end promises share: a PostgreSQL server, a database of its
//! own for each test, the way into a tenant that services have, the running
//! product, and clients that speak each of its protocols.
//!
//! The tests stand in `tests/e2e`, a file per promise.

pub mod client;
pub mod cluster;
pub mod collector;
pub mod database;
pub mod dice;
pub mod door;
pub mod mirror;
pub mod people;
pub mod product;
pub mod program;
pub mod scratch;
pub mod wait;
