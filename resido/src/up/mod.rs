//! Everything in one process: the database, the services and the gateway.

mod database;
mod listeners;
mod options;
mod parts;
mod running;

pub use options::UpOptions;
pub use running::{Running, start};
