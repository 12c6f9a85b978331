//! The sockets: accepting connections, and HTTP on each.

mod prompt;
mod serve;

pub(crate) use serve::{Port, Service, serve};
