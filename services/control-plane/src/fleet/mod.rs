//! Migrations of many tenants: runs are asked for here, watched while they work,
//! and looked up afterwards. The engine of `resido_migrations` makes them.

mod model;
mod run;
mod service;

pub(crate) use service::{Fleet, MigrationStream, sweep};
