//! Keys by which the programs of a tenant call.
//!
//! A key is `rsk_<prefix>_<secret>`. The prefix finds it and is no secret; of the
//! secret only the SHA-256 is kept, which is enough for 256 random bits. Gateways
//! ask whose key a secret is, remember the answer for a minute, and hear by the
//! stream of changes when it is void.

mod model;
mod secret;
mod service;
mod store;
#[cfg(test)]
mod tests;
mod uses;

pub(crate) use service::ApiKeys;
pub(crate) use uses::Uses;
