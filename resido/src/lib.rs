//! The binary: command line, configuration, embedded PostgreSQL and wiring.
//!
//! Everything is built here and passed to the parts, which read no environment,
//! print nothing and keep no state of the process. [`start`] runs all of it in
//! one process; [`run`] is the command line.

mod data_dir;
mod demo;
mod environment;
mod logins;
mod migrating;
pub mod postgres;
mod progress;
mod serving;
pub mod settings;
mod up;
mod wiring;

pub use data_dir::Operator;
pub use logins::Urls;
pub use progress::Progress;
pub use settings::Settings;
pub use up::{Running, UpOptions, start};
