//! Roles that tenants make for themselves: kept, given, and what they come to.

mod grants;

pub(crate) use grants::{Grants, granted};
