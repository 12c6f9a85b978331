//! Groups of roles, as the methods' options in the proto name them. The gateway
//! has decided by those already; a service looks again, so that a mistake there
//! opens nothing here.

use resido_proto::identity::Role;

/// May create and change.
pub(crate) const EDITORS: &[Role] = &[Role::OWNER, Role::ADMIN, Role::MEMBER];
/// May delete.
pub(crate) const MANAGERS: &[Role] = &[Role::OWNER, Role::ADMIN];
/// May read: every member, whatever the role.
pub(crate) const ANYBODY: &[Role] = &[];
