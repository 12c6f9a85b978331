//! The example domain: properties and the units in them.
//!
//! It is the service that teams copy. Each resource is three files: `model.rs`
//! (types and rules), `store.rs` (SQL, takes a transaction) and `service.rs`
//! (gRPC: converts, calls, maps errors). Tenants do not appear in any of them:
//! a transaction sees one tenant's schema and nothing else.

mod error;
mod etag;
mod housing;
mod id;
mod properties;
mod roles;
mod units;

pub use error::Error;
pub use housing::{NAME, routes};
use resido_proto::mask;
