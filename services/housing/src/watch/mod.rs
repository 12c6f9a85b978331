//! Streams of work orders: each is told of as it is now, when it changes.
//!
//! A stream reads the events behind its place, a short transaction at a time:
//! every second, and at once when this process has changed something. The
//! tenant's fence is looked at each time, so that a stream ends when the tenant
//! is suspended. Several changes of one work order between two reads are told as
//! one; the last is never missed.

mod bell;
pub(crate) mod service;
mod store;
mod token;

pub(crate) use bell::Bell;
