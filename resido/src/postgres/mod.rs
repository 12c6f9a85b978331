//! A PostgreSQL server of our own, kept below the data directory.
//!
//! The programs are found on the machine ([`find`]) or fetched once. The server
//! is a child process that listens on a loopback port and nowhere else, with
//! passwords that only the data directory holds. It never runs as root, it is
//! stopped when this process ends, however it ends, and what a killed process
//! left running is stopped at the next start. One that ends by itself is started
//! again ([`Server::keep`]).

mod account;
mod admin;
mod candidates;
mod cluster;
mod fetch;
mod log;
mod orphan;
mod process;
mod programs;
mod restarts;
mod server;
mod spawn;

pub(crate) use admin::connect;
pub use programs::find;
pub(crate) use server::{NO_DATABASE, exists, kept_url};
pub use server::{Options, Server};
