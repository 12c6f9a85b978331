//! The stream by which gateways learn of tenants and memberships.
//!
//! One task of the process listens to the database, reads what is new and hands
//! it to all streams ([`Feed`]); a stream that falls behind, or comes back, reads
//! by itself what it missed ([`Watches`]). Numbers go backwards only with the whole
//! state, which is sent again where the database was restored; none is passed by
//! unread (the outbox table sees to that), and a sign of life is sent only after
//! the database has answered: a silent stream is one to distrust.

mod feed;
mod model;
mod service;
mod store;

pub(crate) use feed::Feed;
pub(crate) use service::{WatchStream, Watches};
