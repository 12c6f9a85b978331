//! What each command does.

mod check_config;
mod db;
mod described;
mod migrate;
mod serve;
mod target;
mod up;

pub(crate) use check_config::check_config;
pub(crate) use db::db;
pub(crate) use described::{openapi, routes};
pub(crate) use migrate::migrate;
pub(crate) use serve::{control_plane, gateway, housing};
pub(crate) use up::up;
