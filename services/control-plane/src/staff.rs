//! Calls of the platform's staff: who may read, who may change, and the check.

use resido_proto::identity::Role;
use resido_tenancy::context::CallContext;

use crate::Error;

pub(crate) const READERS: &[Role] = &[Role::PLATFORM_ADMIN, Role::PLATFORM_SUPPORT];
pub(crate) const WRITERS: &[Role] = &[Role::PLATFORM_ADMIN];

/// Makes sure that staff of the platform calls, in one of the roles.
///
/// # Errors
/// [`Error::Context`].
pub(crate) fn authorize(ctx: &CallContext, roles: &[Role], permission: &str) -> Result<(), Error> {
    ctx.platform()?;
    Ok(ctx.require(roles, permission)?)
}
