//! SQL that sees one tenant's schema and nothing else.
//!
//! [`TenantDatabase::begin`] opens a transaction for the tenant of a verified
//! context; [`PublicDatabase::begin`] opens one on the control plane's own
//! tables. Nothing else in the product touches a connection.
//!
//! **Opening** takes one round trip: `BEGIN`, the settings (search path, role,
//! time limits), and a check that reads back schema, role and the tenant's fence
//! row are sent together. A transaction exists only if all three agree.
//!
//! **An unfinished transaction's connection is never used again.** A connection
//! counts as busy from before `BEGIN` is sent until `COMMIT` or `ROLLBACK` was
//! answered; the pool throws away what comes back busy, and the statement it may
//! still be running is cancelled at the server. That is why a plain `BEGIN` is
//! safe here although a cancelled future may leave it behind.
//!
//! **Every wait is bounded**: for a connection, for the tenant's share of the
//! pool, for locks, for each statement, and all of them by the caller's deadline.

#[macro_use]
mod calls;

mod admission;
mod config;
mod copy;
mod error;
mod list;
mod listen;
mod params;
mod pool;
mod public;
mod session;
mod slot;
mod tenant;
mod transaction;

pub use config::{Config, SchemaVersions};
pub use copy::CopyOut;
pub use error::Error;
pub use list::{Ask, Column, ListRequest, Listing, Rows};
pub use listen::{Heard, Listener};
pub use params::Param;
#[doc(hidden)]
pub use params::typed as __typed;
pub use public::{PublicDatabase, PublicTx};
pub use session::Session;
pub use tenant::{Access, TenantDatabase, TenantTx};
pub use tokio_postgres::Row;

/// Lists the bind parameters of a statement, by reference: `params![id, name]`.
pub use crate::__params as params;
