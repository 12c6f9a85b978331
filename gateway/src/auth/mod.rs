//! Who calls: from the bytes of a credential to a verified principal.

mod authenticator;
mod credential;
mod keys;
mod principal;

pub(crate) use authenticator::Authenticator;
pub(crate) use credential::Credentials;
pub(crate) use keys::KeySource;
pub(crate) use principal::Principal;
