//! The control plane within a command's own process: what `resido tenants`,
//! `resido users` and `resido audit` call.
//!
//! They make the calls that REST clients make, so rules, errors and the audit
//! record are the same; only the way there is shorter.

mod call;
mod refused;
mod session;
mod wire;

pub(super) use call::Call;
pub(super) use refused::{Refused, refused};
pub(super) use session::{ACTOR, Session, roles, text};
