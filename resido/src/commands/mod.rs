//! What each command does.

mod audit;
mod check_config;
mod confirm;
mod control;
mod db;
mod described;
mod invitations;
mod keys;
mod migrate;
mod serve;
mod target;
mod tenants;
mod token;
mod up;
mod users;

pub(crate) use audit::audit;
pub(crate) use check_config::check_config;
pub(crate) use confirm::exit_code;
pub(crate) use db::db;
pub(crate) use described::{openapi, routes};
pub(crate) use keys::keys;
pub(crate) use migrate::migrate;
pub(crate) use serve::{control_plane, gateway, housing};
pub(crate) use tenants::tenants;
pub(crate) use token::token;
pub(crate) use up::up;
pub(crate) use users::users;
