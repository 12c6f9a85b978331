//! Who calls: from the bytes of a credential to a verified principal.

mod api_key;
mod api_keys;
mod authenticator;
mod credential;
mod keys;
mod principal;
mod shared_secret;
mod voids;

#[cfg(test)]
mod tests;

pub(crate) use api_keys::{ApiKeys, Ask};
pub(crate) use authenticator::Authenticator;
pub(crate) use credential::Credentials;
pub(crate) use keys::KeySource;
pub(crate) use principal::{Principal, Proof};
pub use shared_secret::SharedSecret;
