//! The example domain: properties, the units in them, who lives there, and what
//! is to be repaired.
//!
//! It is the service that teams copy. Each resource is three files: `model.rs`
//! (types and rules), `store.rs` (SQL, takes a transaction) and `service.rs`
//! (gRPC: converts, calls, maps errors). Tenants do not appear in any of them:
//! a transaction sees one tenant's schema and nothing else.

mod column;
mod documents;
mod error;
mod etag;
mod housing;
mod id;
mod leases;
mod once;
mod properties;
mod residents;
mod roles;
mod units;
mod watch;
mod work_orders;

pub use error::Error;
pub use housing::{LEAST_SCHEMA_VERSION, NAME, routes};
use resido_proto::mask;
