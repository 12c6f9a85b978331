//! What the end-to-end promises share: a PostgreSQL server, a database of its
//! own for each test, and the way into a tenant that services have.
//!
//! The tests stand in `tests/e2e`, a file per promise.

pub mod cluster;
pub mod database;
pub mod dice;
pub mod door;
pub mod wait;
