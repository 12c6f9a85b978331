//! The command line: what a person types, before anything is decided.
//!
//! Flags win over the environment, the environment over `resido.toml`, and that
//! over the documented defaults; what neither a flag nor a variable said is
//! `None` here.

mod control;
mod database;
mod keys;
mod migrate;
mod root;
mod serve;
mod time;
mod token;
mod users;

pub(crate) use control::{
    Audit, ControlTarget, Listed, Maintenance, OneTenant, TenantCommands, Tenants,
};
pub(crate) use database::{Database, Db, Login};
pub(crate) use keys::{KeyCommands, Keys};
pub(crate) use migrate::{
    Migrate, MigrateLook, MigrateOn, MigratePlan, MigrateTarget, MigrateUp, Migrations, NEW_DIR,
    Selected, SetName, Stages,
};
pub use root::Cli;
pub(crate) use root::{Command, Described, Format, Global, LogFormat};
pub(crate) use serve::{ControlPlane, Gateway, Housing, Service, Up};
pub(crate) use token::Token;
pub(crate) use users::{Invitations, OneInvitation, OneUser, UserCommands, Users};
