//! One client for every protocol of the port.
//!
//! A [`Call`] says what is asked, as a message and as REST; a [`Client`] sends
//! it over its [`Wire`]; the [`Reply`] looks the same whatever the wire, so that
//! tests are a cross product. Messages become JSON by reflection, independently
//! of the gateway's own codec.

mod call;
pub mod calls;
mod grpc;
pub mod raw;
mod reply;
mod schema;
mod send;
mod stream;
mod web;

pub use call::Call;
pub use reply::{Refusal, Reply};
pub use send::{Client, Wire};
pub use stream::{End, Stream};
