//! Which tenant a call belongs to.

mod resolve;
#[cfg(test)]
mod tests;

pub(crate) use resolve::{Named, resolve};
