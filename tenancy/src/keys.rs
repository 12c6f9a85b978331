//! Ed25519 keys that sign tokens: our own access tokens and the gateway's
//! contexts.

use aws_lc_rs::signature::Ed25519KeyPair;
use jsonwebtoken::{
    Algorithm, EncodingKey, Header,
    jwk::{Jwk, JwkSet, KeyAlgorithm, PublicKeyUse, ThumbprintHash},
};
use serde::Serialize;

/// Label of a private key in PEM.
///
/// *Source*: RFC 7468, section 10.
const PEM_LABEL: &str = "PRIVATE KEY";

/// A key cannot be made, read or used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No key could be made.
    #[error("a signing key could not be made")]
    Generate(#[from] aws_lc_rs::error::Unspecified),
    /// The text is no Ed25519 private key.
    #[error("the signing key cannot be read")]
    Read(#[source] jsonwebtoken::errors::Error),
    /// The token could not be signed.
    #[error("the token could not be signed")]
    Sign(#[source] jsonwebtoken::errors::Error),
}

/// A private key and its public half as a JWK, named by its thumbprint.
#[derive(Clone)]
pub struct SigningKey {
    private: EncodingKey,
    public: Jwk,
    kid: String,
}

impl SigningKey {
    /// Makes a new key and returns it as PEM, PKCS#8 within.
    ///
    /// # Errors
    /// [`Error::Generate`].
    pub fn generate_pem() -> Result<String, Error> {
        let pair = Ed25519KeyPair::generate()?;
        let der = aws_lc_rs::encoding::AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair)?;
        Ok(pem::encode(&pem::Pem::new(PEM_LABEL, der.as_ref())))
    }

    /// Reads a key from PEM.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub fn from_pem(pem: &str) -> Result<Self, Error> {
        let private = EncodingKey::from_ed_pem(pem.as_bytes()).map_err(Error::Read)?;
        let mut public = Jwk::from_encoding_key(&private, Algorithm::EdDSA).map_err(Error::Read)?;
        let kid = public
            .thumbprint(ThumbprintHash::SHA256)
            .map_err(Error::Read)?;
        public.common.key_id = Some(kid.clone());
        public.common.key_algorithm = Some(KeyAlgorithm::EdDSA);
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(Self {
            private,
            public,
            kid,
        })
    }

    /// Returns the key's id: its RFC 7638 thumbprint.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Returns the public half, as a set of one key.
    #[must_use]
    pub fn jwks(&self) -> JwkSet {
        JwkSet {
            keys: vec![self.public.clone()],
        }
    }

    /// Signs claims as a JWT of the given `typ`.
    ///
    /// # Errors
    /// [`Error::Sign`].
    pub fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, Error> {
        let header = Header {
            typ: Some(typ.to_owned()),
            kid: Some(self.kid.clone()),
            ..Header::new(Algorithm::EdDSA)
        };
        jsonwebtoken::encode(&header, claims, &self.private).map_err(Error::Sign)
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_and_keeps_its_id() {
        let pem = SigningKey::generate_pem().unwrap();
        let key = SigningKey::from_pem(&pem).unwrap();
        assert_eq!(SigningKey::from_pem(&pem).unwrap().kid(), key.kid());
        assert_ne!(SigningKey::generate_pem().unwrap(), pem);
        let jwks = serde_json::to_value(key.jwks()).unwrap();
        assert_eq!(jwks["keys"][0]["kty"], "OKP");
        assert_eq!(jwks["keys"][0]["kid"], key.kid());
        assert!(
            jwks["keys"][0].get("d").is_none(),
            "the private half stays here: {jwks}"
        );
        assert!(!format!("{key:?}").contains("PRIVATE"));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        assert!(SigningKey::from_pem("").is_err());
        assert!(
            SigningKey::from_pem("-----BEGIN PRIVATE KEY-----\nAA\n-----END PRIVATE KEY-----")
                .is_err()
        );
    }
}
