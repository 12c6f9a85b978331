//! Roles that tenants make for themselves: kept, given, and what they come to.

mod authority;
mod given;
mod grants;
mod model;
mod service;
mod store;

pub(crate) use given::{may_give, may_touch, names, refuse_impersonated};
pub(crate) use grants::{BUILT_IN, Grants, granted};
pub(crate) use model::is_permission;
pub(crate) use service::Roles;
