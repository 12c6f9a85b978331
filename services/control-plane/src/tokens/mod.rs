//! Tokens: those people log in with, and those that make them members.

mod access;
mod activation;

pub(crate) use access::{Holder, Issuer};
pub(crate) use activation::{Activation, hash_of};
