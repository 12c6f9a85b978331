//! Log-ins that go on: families of refresh tokens.
//!
//! A family is one log-in. Its newest token buys an access token and the next
//! refresh token; one that comes twice ends the family. So of two uses at once one
//! wins, and the family ends with the other: the person logs in again.
//!
//! Whoever ends families locks the person's row first, and so does whoever makes a
//! token: none slips through between. Memberships are locked after it, in the order
//! of their persons and tenants.

mod model;
mod store;

pub(crate) use model::{Lives, Session};
pub(crate) use store::revoke_member;
pub(crate) use store::{
    Renewed, begin, find, hold, prune, renew, revoke_family, revoke_tenant, revoke_user,
};
