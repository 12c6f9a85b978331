//! The binary: command line, configuration, embedded PostgreSQL and wiring.
//!
//! Everything is built here and passed to the parts, which read no environment,
//! print nothing and keep no state of the process. [`start`] runs all of it in
//! one process; [`run`] is the command line.

mod admin;
mod cli;
mod commands;
mod data_dir;
mod demo;
mod ending;
mod environment;
mod flags;
mod jwks;
mod logins;
mod migrating;
mod open_files;
mod operator;
pub mod postgres;
mod progress;
mod run;
mod serving;
pub mod settings;
mod terminal;
mod token_keys;
mod up;
mod wiring;

pub use cli::Cli;
pub use data_dir::Operator;
pub use logins::Urls;
pub use progress::Progress;
pub use run::run;
pub use settings::Settings;
pub use up::{Running, UpOptions, start};
