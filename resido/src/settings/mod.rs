//! The configuration file: its sections, and every fault in it at once.

mod database;
mod faults;
mod file;
mod migrations;
mod sections;

pub use database::DatabaseSettings;
pub use migrations::{MigrationSettings, RunMigrations};
pub use sections::Settings;
