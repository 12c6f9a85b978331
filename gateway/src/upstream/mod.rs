//! Services behind the gateway: in this process, or over HTTP/2.

mod answer;
mod bodies;
mod remote;
pub(crate) mod stop;
mod target;

pub(crate) use answer::check;
pub(crate) use bodies::{BreaksOff, End, Until, WithoutTrailers};
pub(crate) use target::Transport;
pub use target::Upstream;
