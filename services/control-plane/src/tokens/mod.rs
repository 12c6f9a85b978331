//! Tokens: those people log in with, and those that make them members.

mod access;
mod activation;
mod discovery;
mod ring;

pub(crate) use access::{Holder, Impersonator, Issuer};
pub(crate) use activation::{Activation, hash_of};
pub(crate) use discovery::CACHE_CONTROL;
pub use ring::KeyRing;
