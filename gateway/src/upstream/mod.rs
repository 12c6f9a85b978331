//! Services behind the gateway: in this process, or over HTTP/2.

mod remote;
mod target;

pub(crate) use target::Transport;
pub use target::Upstream;
