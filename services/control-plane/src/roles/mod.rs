//! Roles that tenants make for themselves: kept, given, and what they come to.

mod authority;
mod given;
mod grants;
mod model;
mod permissions;
mod service;
mod store;
mod withdraw;

pub(crate) use given::{may_give, may_give_over, may_touch, names, refuse_impersonated};
pub(crate) use grants::{Grants, granted};
pub(crate) use permissions::Permissions;
pub(crate) use service::Roles;
pub(crate) use withdraw::{withdraw, withdraw_of_key};
