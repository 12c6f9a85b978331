//! What members may do: changed, kept out, let in again, ended.

mod service;
mod store;

pub(super) use store::belongs_elsewhere;
