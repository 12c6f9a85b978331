//! The binary: command line, configuration, embedded PostgreSQL and wiring.

mod data_dir;
mod environment;
pub mod postgres;
mod progress;

pub use progress::Progress;
