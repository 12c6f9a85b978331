//! The signed statement of who calls and for which tenant.
//!
//! The gateway signs it ([`Signer`]), a service verifies it ([`Verifier`]), and
//! from a verified one come the [`CallContext`] and [`TenantContext`] that
//! everything else takes. There is no other way to make either.
//!
//! *Source*: RFC 7519 (JWT), RFC 8037 (Ed25519 in JOSE).

mod call;
mod error;
mod sign;
mod verify;

pub(crate) use call::Said;
pub use call::{CallContext, Principal, TenantContext};
pub use error::Error;
pub use sign::Signer;
pub use verify::Verifier;
