//! Passwords: their rules, and the costly work of hashing them.

mod hasher;
mod model;
mod places;

pub(crate) use hasher::Hasher;
pub(crate) use model::{given, new};
