//! The last look at a caller's rights: the gateway has decided already, and a
//! mistake there must not open anything here.

use resido_proto::identity::Role;
use resido_tenancy::context::CallContext;

use crate::Error;

/// Makes sure that the caller has one of the roles, and the permission where its
/// permissions are narrower than its roles.
///
/// # Errors
/// [`Error::Context`].
pub(crate) fn require(ctx: &CallContext, roles: &[Role], permission: &str) -> Result<(), Error> {
    Ok(ctx.require(roles, permission)?)
}
