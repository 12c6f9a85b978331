//! The keys of access tokens: one signs, all verify.

use jsonwebtoken::jwk::JwkSet;
use resido_tenancy::keys::SigningKey;

/// The keys of access tokens at one moment.
#[derive(Debug, Clone)]
pub struct KeyRing {
    signing: SigningKey,
    others: Vec<SigningKey>,
}

impl KeyRing {
    /// Signs with one key and publishes others besides: those that signed before,
    /// and those that will sign soon.
    #[must_use]
    pub fn new(signing: SigningKey, others: Vec<SigningKey>) -> Self {
        Self { signing, others }
    }

    /// Returns the key that signs.
    #[must_use]
    pub fn signing(&self) -> &SigningKey {
        &self.signing
    }

    /// Returns the public halves of all keys, that of the one that signs first.
    #[must_use]
    pub fn jwks(&self) -> JwkSet {
        let all = std::iter::once(&self.signing).chain(&self.others);
        JwkSet {
            keys: all.flat_map(|key| key.jwks().keys).collect(),
        }
    }

    /// Whether two rings do the same.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.jwks() == other.jwks()
    }
}

impl From<SigningKey> for KeyRing {
    fn from(key: SigningKey) -> Self {
        Self::new(key, Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SigningKey {
        SigningKey::from_pem(&SigningKey::generate_pem().unwrap()).unwrap()
    }

    #[test]
    fn all_keys_are_published_and_the_first_signs() {
        let (new, old) = (key(), key());
        let ring = KeyRing::new(new.clone(), vec![old.clone()]);
        let kids: Vec<_> = ring
            .jwks()
            .keys
            .into_iter()
            .map(|key| key.common.key_id.unwrap())
            .collect();
        assert_eq!(kids, [new.kid(), old.kid()]);
        assert_eq!(ring.signing().kid(), new.kid());
        assert!(ring.is_same_as(&ring.clone()));
        assert!(!ring.is_same_as(&KeyRing::new(old, vec![new.clone()])));
        assert!(!ring.is_same_as(&new.into()));
    }
}
