//! The services on the wire: take the context, call, answer.

#[macro_use]
mod answer;

mod api_keys;
mod audit;
mod auth;
mod operations;
mod roles;
mod routes;
mod tenants;
mod usage;
mod users;

use answer::answer;
pub(crate) use routes::{Rooms, routes};
