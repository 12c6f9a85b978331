//! The service's side: believes only what the gateway signed for it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation,
    errors::ErrorKind,
    jwk::{AlgorithmParameters, JwkSet},
};
use moka::sync::Cache;
use resido_proto::identity::{CONTEXT_ISSUER, CONTEXT_TYPE, ContextClaims};

use super::{Error, Principal, Signer};

/// Contexts that are remembered at most.
const REMEMBERED: u64 = 10_000;
/// Longest context that is looked at, in bytes.
const MAX_BYTES: usize = 8 * 1024;
/// Clocks of gateway and service may differ by this much, in seconds.
const LEEWAY_SECONDS: u64 = 5;

/// Verifies contexts for one service.
///
/// A verified context is remembered by its bytes until it ends, so that a
/// caller who comes again costs a look-up and no signature.
#[derive(Debug)]
pub struct Verifier {
    audience: String,
    keys: ArcSwap<HashMap<String, DecodingKey>>,
    verified: Cache<Box<str>, Verified>,
}

#[derive(Debug, Clone)]
struct Verified {
    principal: Arc<Principal>,
    exp: u64,
}

impl Verifier {
    /// Trusts the gateway's public keys, for contexts addressed to `audience`.
    #[must_use]
    pub fn new(keys: &JwkSet, audience: &str) -> Self {
        Self {
            audience: audience.to_owned(),
            keys: ArcSwap::from_pointee(usable(keys)),
            verified: Cache::builder()
                .max_capacity(REMEMBERED)
                .time_to_live(Signer::LIFETIME + Duration::from_secs(LEEWAY_SECONDS))
                .build(),
        }
    }

    /// Returns the name that contexts must be addressed to.
    #[must_use]
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// Trusts these keys from now on and no others.
    pub fn set_keys(&self, keys: &JwkSet) {
        self.keys.store(Arc::new(usable(keys)));
        self.verified.invalidate_all();
    }

    /// Verifies a context.
    ///
    /// # Errors
    /// If it is not the gateway's, not for this service, or not of this moment.
    pub fn verify(&self, token: &str) -> Result<Arc<Principal>, Error> {
        if token.len() > MAX_BYTES {
            return Err(Error::Malformed("it is too long"));
        }
        let now = jsonwebtoken::get_current_timestamp();
        if let Some(known) = self.verified.get(token)
            && known.exp.saturating_add(LEEWAY_SECONDS) > now
        {
            return Ok(known.principal);
        }
        let claims = self.decode(token)?;
        if claims.exp > claims.iat.saturating_add(Signer::LIFETIME.as_secs()) {
            return Err(Error::Malformed("it lives too long"));
        }
        if claims.iat > now + LEEWAY_SECONDS {
            return Err(Error::Malformed("it is from the future"));
        }
        let exp = claims.exp;
        let principal = Arc::new(Principal::from(claims));
        self.verified.insert(
            token.into(),
            Verified {
                principal: Arc::clone(&principal),
                exp,
            },
        );
        Ok(principal)
    }

    fn decode(&self, token: &str) -> Result<ContextClaims, Error> {
        let header = jsonwebtoken::decode_header(token).map_err(Error::Invalid)?;
        if header.typ.as_deref() != Some(CONTEXT_TYPE) {
            return Err(Error::Malformed("it is a token of another kind"));
        }
        let unknown_key = || Error::Invalid(ErrorKind::InvalidKeyFormat.into());
        let keys = self.keys.load();
        let key = header
            .kid
            .and_then(|kid| keys.get(&kid))
            .ok_or_else(unknown_key)?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.leeway = LEEWAY_SECONDS;
        validation.set_issuer(&[CONTEXT_ISSUER]);
        validation.set_audience(&[&self.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let data = jsonwebtoken::decode(token, key, &validation).map_err(Error::Invalid)?;
        Ok(data.claims)
    }
}

/// Keeps the Ed25519 keys of a set that have an id; others can sign nothing here.
fn usable(keys: &JwkSet) -> HashMap<String, DecodingKey> {
    let pairs = keys.keys.iter().filter_map(|key| {
        let ed25519 = matches!(key.algorithm, AlgorithmParameters::OctetKeyPair(_));
        let kid = key.common.key_id.clone().filter(|_| ed25519)?;
        Some((kid, DecodingKey::from_jwk(key).ok()?))
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use resido_proto::{
        identity::{Mode, Role, Subject, TenantClaims},
        ids::{TenantId, UserId},
    };

    use super::*;
    use crate::keys::SigningKey;

    fn signer() -> Signer {
        Signer::new(SigningKey::from_pem(&SigningKey::generate_pem().unwrap()).unwrap())
    }

    fn claims(aud: &str, age: i64, life: u64) -> ContextClaims {
        let iat = jsonwebtoken::get_current_timestamp().saturating_add_signed(-age);
        ContextClaims {
            iss: CONTEXT_ISSUER.into(),
            aud: aud.into(),
            iat,
            exp: iat + life,
            sub: Subject::User(UserId::new()),
            act: None,
            roles: vec![Role::MEMBER],
            perm: None,
            grants: Vec::new(),
            tenant: Some(TenantClaims {
                tid: TenantId::new(),
                epoch: 1,
                plan: "free".into(),
                place: "main".into(),
                sv: 1,
                mode: Mode::ReadWrite,
            }),
        }
    }

    #[test]
    fn a_context_is_believed_as_signed() {
        let signer = signer();
        let verifier = Verifier::new(&signer.jwks(), "housing");
        let claims = claims("housing", 0, 60);
        let token = signer.sign(&claims).unwrap();
        for _ in 0..2 {
            let principal = verifier.verify(&token).unwrap();
            assert_eq!(principal.subject, claims.sub);
            assert_eq!(principal.tenant, claims.tenant);
        }
    }

    #[test]
    fn contexts_for_others_or_of_other_times_are_refused() {
        let signer = signer();
        let verifier = Verifier::new(&signer.jwks(), "housing");
        let refused = [
            claims("control-plane", 0, 60),
            claims("housing", 70, 60),
            claims("housing", -30, 60),
            claims("housing", 0, 3600),
            ContextClaims {
                iss: "resido".into(),
                ..claims("housing", 0, 60)
            },
        ];
        for claims in refused {
            let token = signer.sign(&claims).unwrap();
            assert!(verifier.verify(&token).is_err(), "{claims:?}");
        }
    }

    #[test]
    fn only_the_gateways_key_and_kind_of_token_count() {
        let (ours, theirs) = (signer(), signer());
        let verifier = Verifier::new(&ours.jwks(), "housing");
        let claims = claims("housing", 0, 60);
        assert!(verifier.verify(&theirs.sign(&claims).unwrap()).is_err());
        let other_kind = ours.key_for_tests().sign("JWT", &claims).unwrap();
        assert_eq!(
            verifier.verify(&other_kind),
            Err(Error::Malformed("it is a token of another kind"))
        );
        let token = ours.sign(&claims).unwrap();
        let mut parts: Vec<_> = token.split('.').collect();
        parts[2] = "AAAA";
        for token in ["", "a.b.c", &parts.join("."), &"a".repeat(9000)] {
            assert!(verifier.verify(token).is_err(), "{token}");
        }
    }

    #[test]
    fn a_key_that_is_withdrawn_counts_no_more() {
        let (old, new) = (signer(), signer());
        let verifier = Verifier::new(&old.jwks(), "housing");
        let token = old.sign(&claims("housing", 0, 60)).unwrap();
        verifier.verify(&token).unwrap();
        verifier.set_keys(&new.jwks());
        assert!(verifier.verify(&token).is_err());
    }
}
