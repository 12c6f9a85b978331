//! Verifies credentials.

use std::{sync::Arc, time::Duration};

use jsonwebtoken::{Algorithm, Header, Validation};
use moka::sync::Cache;
use resido_proto::identity::AccessClaims;
use sha2::{Digest as _, Sha256};

use super::{
    ApiKeys, Credentials, KeySource, Principal, SharedSecret,
    credential::Credential,
    principal::{LEEWAY_SECONDS, now},
    shared_secret::SharedKey,
};
use crate::refusal::Refusal;

/// Verified tokens that are remembered at most.
const REMEMBERED: u64 = 100_000;
/// How long a verified token is remembered at most.
const REMEMBER_FOR: Duration = Duration::from_secs(60);

/// Turns credentials into principals.
///
/// A verified token is remembered by its SHA-256 for up to a minute, and never
/// beyond its end.
#[derive(Debug)]
pub(crate) struct Authenticator {
    keys: KeySource,
    api_keys: ApiKeys,
    shared: Option<SharedKey>,
    validation: Validation,
    verified: Cache<[u8; 32], Verified>,
}

#[derive(Debug, Clone)]
struct Verified {
    principal: Arc<Principal>,
    /// Of the keys it was verified by: with others, it must be verified again.
    generation: u64,
}

impl Authenticator {
    /// Accepts tokens of `issuer`, signed by Ed25519, for any of `audiences`.
    pub(crate) fn new(keys: KeySource, issuer: &str, audiences: &[String]) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.leeway = LEEWAY_SECONDS;
        validation.validate_nbf = true;
        validation.set_issuer(&[issuer]);
        validation.set_audience(audiences);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let verified = Cache::builder()
            .max_capacity(REMEMBERED)
            .time_to_live(REMEMBER_FOR)
            .build();
        Self {
            keys,
            api_keys: ApiKeys::none(),
            shared: None,
            validation,
            verified,
        }
    }

    /// Accepts API keys as well.
    pub(crate) fn with_api_keys(self, api_keys: ApiKeys) -> Self {
        Self { api_keys, ..self }
    }

    /// Accepts tokens made with a shared secret as well, if there is one.
    pub(crate) fn with_shared_secret(self, secret: Option<&SharedSecret>) -> Self {
        let shared = secret.map(|secret| SharedKey::new(secret, &self.validation));
        Self { shared, ..self }
    }

    /// Returns the keys, for the start and for readiness.
    pub(crate) fn keys(&self) -> &KeySource {
        &self.keys
    }

    /// Returns what is known of API keys.
    pub(crate) fn api_keys(&self) -> &ApiKeys {
        &self.api_keys
    }

    /// Tells when a caller who was believed may not be any more.
    pub(crate) fn changes(&self) -> tokio::sync::watch::Receiver<u64> {
        self.api_keys.changes()
    }

    /// Whether a caller who was believed must be asked for the credential again.
    pub(crate) fn is_void(&self, principal: &Principal) -> bool {
        self.api_keys.is_void(principal)
    }

    /// Verifies the credential of a call.
    ///
    /// # Errors
    /// [`Refusal::CredentialRequired`] if there is none,
    /// [`Refusal::CredentialInvalid`] if it is not good; never which of its
    /// faults it was. Others if nobody can tell at present.
    pub(crate) async fn authenticate(
        &self,
        shown: &Credentials,
    ) -> Result<Arc<Principal>, Refusal> {
        match shown.credential()? {
            Credential::Missing => Err(Refusal::CredentialRequired),
            Credential::ApiKey(key) => self.api_keys.holder(key).await,
            Credential::Bearer(token) => self.token(token).await,
        }
    }

    async fn token(&self, token: &str) -> Result<Arc<Principal>, Refusal> {
        let hash: [u8; 32] = Sha256::digest(token).into();
        let generation = self.keys.generation();
        if let Some(known) = self.verified.get(&hash)
            && known
                .principal
                .accepted_until
                .is_some_and(|end| now() < end)
            && known.generation == generation
        {
            return Ok(known.principal);
        }
        let principal = self.verify(token).await.ok_or_else(|| self.refusal())?;
        let principal = Arc::new(principal);
        let verified = Verified {
            principal: Arc::clone(&principal),
            generation,
        };
        self.verified.insert(hash, verified);
        Ok(principal)
    }

    /// Why a token was not verified: before the first keys have come, nobody can
    /// tell whether it is good.
    fn refusal(&self) -> Refusal {
        if self.keys.is_waiting() {
            Refusal::NotReady
        } else {
            Refusal::CredentialInvalid
        }
    }

    async fn verify(&self, token: &str) -> Option<Principal> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        if !is_acceptable(&header) {
            return None;
        }
        let (claims, read): (_, fn(AccessClaims) -> Principal) = match &self.shared {
            Some(shared) if SharedKey::is_meant(&header) => {
                (shared.verify(token)?, SharedKey::principal)
            }
            _ => (self.signed(token, &header).await?, Principal::from),
        };
        let made_already = claims.iat <= now() + LEEWAY_SECONDS;
        made_already.then(|| read(claims))
    }

    /// Returns what a token says that the issuer signed.
    async fn signed(&self, token: &str, header: &Header) -> Option<AccessClaims> {
        if header.alg != Algorithm::EdDSA {
            return None;
        }
        let key = self.keys.get(header.kid.as_deref()?).await?;
        let data = jsonwebtoken::decode(token, &key, &self.validation);
        data.inspect_err(|error| tracing::debug!(%error, "a token was refused"))
            .ok()
            .map(|data| data.claims)
    }
}

/// Whether a token's header is one of ours: the right kind of token, and nothing
/// that would have to be understood.
///
/// *Source*: RFC 8725, sections 3.1 and 3.11; RFC 7515, section 4.1.11.
fn is_acceptable(header: &Header) -> bool {
    let kind = header
        .typ
        .as_deref()
        .is_none_or(|typ| typ.eq_ignore_ascii_case("JWT"));
    kind && header.crit.is_none()
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use jsonwebtoken::{EncodingKey, jwk::JwkSet};
    use resido_proto::{
        identity::{Role, Subject},
        ids::{TenantId, UserId},
    };
    use resido_tenancy::keys::SigningKey;

    use super::*;

    fn key() -> SigningKey {
        SigningKey::from_pem(&SigningKey::generate_pem().unwrap()).unwrap()
    }

    fn authenticator(set: JwkSet) -> Authenticator {
        let keys = KeySource::new(Box::new(move || {
            let set = set.clone();
            Box::pin(async move { Ok(set) })
        }));
        Authenticator::new(keys, "resido", &["resido".to_owned()])
    }

    fn claims() -> AccessClaims {
        let now = jsonwebtoken::get_current_timestamp();
        AccessClaims {
            iss: "resido".into(),
            aud: "resido".into(),
            sub: Subject::User(UserId::new()),
            exp: now + 900,
            iat: now,
            nbf: now,
            jti: "1".into(),
            tid: Some(TenantId::new()),
            roles: vec![Role::MEMBER],
            perm: None,
            grants: Vec::new(),
            act: None,
            epoch: 1,
            act_epoch: None,
        }
    }

    async fn authenticate(by: &Authenticator, token: &str) -> Result<Arc<Principal>, Refusal> {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
        by.authenticate(&Credentials::read(&headers, None)).await
    }

    #[tokio::test]
    async fn a_token_of_ours_is_believed_as_signed() {
        let key = key();
        let by = authenticator(key.jwks());
        let claims = claims();
        let token = key.sign("JWT", &claims).unwrap();
        for _ in 0..2 {
            let principal = authenticate(&by, &token).await.unwrap();
            assert_eq!(*principal, Principal::from(claims.clone()));
        }
    }

    #[tokio::test]
    async fn g3_tokens_of_other_times_issuers_and_audiences_are_refused() {
        let key = key();
        let by = authenticator(key.jwks());
        let now = jsonwebtoken::get_current_timestamp();
        for wrong in [
            AccessClaims {
                exp: now - 60,
                ..claims()
            },
            AccessClaims {
                nbf: now + 60,
                ..claims()
            },
            AccessClaims {
                iat: now + 60,
                ..claims()
            },
            AccessClaims {
                iss: "other".into(),
                ..claims()
            },
            AccessClaims {
                aud: "other".into(),
                ..claims()
            },
        ] {
            let token = key.sign("JWT", &wrong).unwrap();
            assert!(authenticate(&by, &token).await.is_err(), "{wrong:?}");
        }
    }

    #[tokio::test]
    async fn g1_only_our_key_algorithm_and_kind_of_token_count() {
        let (ours, theirs) = (key(), key());
        let by = authenticator(ours.jwks());
        let claims = claims();
        let jwk = serde_json::to_value(&ours.jwks().keys[0]).unwrap();
        let public = jwk["x"].as_str().unwrap().to_owned();
        let forged = |header: Header, secret: &[u8]| {
            let header = Header {
                kid: Some(ours.kid().to_owned()),
                ..header
            };
            jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(secret)).unwrap()
        };
        // A signature by HMAC with the public key as its secret.
        let confused = forged(Header::new(Algorithm::HS256), public.as_bytes());
        let good = ours.sign("JWT", &claims).unwrap();
        let body = good.split('.').nth(1).unwrap();
        // {"alg":"none"}
        let unsigned = format!("eyJhbGciOiJub25lIn0.{body}.");
        let mut flipped = good.clone().into_bytes();
        let last = flipped.len() - 2;
        flipped[last] ^= 1;
        for token in [
            confused,
            unsigned,
            theirs.sign("JWT", &claims).unwrap(),
            ours.sign("resido-context+jwt", &claims).unwrap(),
            String::from_utf8(flipped).unwrap(),
            "a.b.c".to_owned(),
        ] {
            assert!(authenticate(&by, &token).await.is_err(), "{token}");
        }
        assert!(authenticate(&by, &good).await.is_ok());
    }

    #[tokio::test]
    async fn before_the_first_keys_a_token_is_not_called_bad() {
        let token = key().sign("JWT", &claims()).unwrap();
        let waiting = KeySource::new(Box::new(|| Box::pin(async { Err("away".into()) })));
        for (keys, ready) in [(waiting, false), (KeySource::none(), true)] {
            let by = Authenticator::new(keys, "resido", &["resido".to_owned()]);
            let refused = authenticate(&by, &token).await.unwrap_err();
            let bad = matches!(refused, Refusal::CredentialInvalid);
            assert_eq!(bad, ready, "{refused:?}");
        }
    }
}
