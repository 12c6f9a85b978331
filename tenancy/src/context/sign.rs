//! The gateway's side: states who calls.

use std::time::Duration;

use jsonwebtoken::jwk::JwkSet;
use resido_proto::identity::{CONTEXT_TYPE, ContextClaims};

use crate::keys::{self, SigningKey};

/// Signs contexts with the gateway's private key.
#[derive(Debug, Clone)]
pub struct Signer {
    key: SigningKey,
}

impl Signer {
    /// How long a context lives, at most.
    pub const LIFETIME: Duration = Duration::from_secs(60);

    /// Signs with a key.
    #[must_use]
    pub fn new(key: SigningKey) -> Self {
        Self { key }
    }

    /// Returns the public keys that verify what this signs.
    #[must_use]
    pub fn jwks(&self) -> JwkSet {
        self.key.jwks()
    }

    /// Signs a context.
    ///
    /// # Errors
    /// If the key cannot sign.
    pub fn sign(&self, claims: &ContextClaims) -> Result<String, keys::Error> {
        self.key.sign(CONTEXT_TYPE, claims)
    }
}

#[cfg(test)]
impl Signer {
    pub(super) fn key_for_tests(&self) -> &SigningKey {
        &self.key
    }
}
