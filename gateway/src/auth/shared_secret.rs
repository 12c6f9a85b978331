//! Tokens that others make with a secret they share with us (`JWT_SECRET`): for
//! callers of a product before this one, and of no use to anybody else.
//!
//! They name members of one tenant and last a day at most. They never speak for
//! platform staff, never on another's behalf, and give no permission besides
//! roles.

use std::{fmt, sync::Arc};

use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use resido_proto::{
    identity::{AccessClaims, Role, Subject},
    ids::TenantId,
};
use serde::Deserialize;

use super::{Principal, principal::Proof};

/// *Source*: RFC 7518, section 3.2: no shorter than the hash.
const MIN_BYTES: usize = 32;
/// Longest life of a token, in seconds.
const MAX_LIFE_SECONDS: u64 = 24 * 60 * 60;

/// A secret that tokens are made and verified with. It is not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct SharedSecret(Arc<str>);

impl SharedSecret {
    /// Takes the secret as it is.
    #[must_use]
    pub fn new(secret: &str) -> Self {
        Self(secret.into())
    }

    /// Whether it is long enough.
    pub(crate) fn is_long_enough(&self) -> bool {
        self.0.len() >= MIN_BYTES
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret(…)")
    }
}

/// What such a token says. What it may not say is read, so that it is seen.
#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: Subject,
    exp: u64,
    iat: u64,
    #[serde(default)]
    nbf: u64,
    tid: TenantId,
    roles: Vec<Role>,
    perm: Option<Vec<String>>,
    #[serde(default)]
    epoch: i64,
    grants: Option<serde_json::Value>,
    act: Option<serde_json::Value>,
}

/// Verifies such tokens.
pub(super) struct SharedKey {
    key: DecodingKey,
    validation: Validation,
}

impl SharedKey {
    /// Verifies by `secret` what else `like` asks of tokens.
    pub(super) fn new(secret: &SharedSecret, like: &Validation) -> Self {
        let mut validation = like.clone();
        validation.algorithms = vec![Algorithm::HS256];
        Self {
            key: DecodingKey::from_secret(secret.0.as_bytes()),
            validation,
        }
    }

    /// Whether a token's header is that of such a token. Keys have no names here.
    pub(super) fn is_meant(header: &Header) -> bool {
        header.alg == Algorithm::HS256 && header.kid.is_none()
    }

    /// Returns what a token says, if it is good.
    pub(super) fn verify(&self, token: &str) -> Option<AccessClaims> {
        let decoded = jsonwebtoken::decode::<Claims>(token, &self.key, &self.validation);
        let claims = decoded
            .inspect_err(
                |error| tracing::debug!(%error, "a token of the shared secret was refused"),
            )
            .ok()?
            .claims;
        let life = claims.exp.checked_sub(claims.iat)?;
        let fits = matches!(claims.sub, Subject::User(_))
            && life <= MAX_LIFE_SECONDS
            && !claims.roles.iter().any(Role::is_platform)
            && claims.grants.is_none()
            && claims.act.is_none();
        fits.then_some(AccessClaims {
            iss: claims.iss,
            aud: claims.aud,
            sub: claims.sub,
            exp: claims.exp,
            iat: claims.iat,
            nbf: claims.nbf,
            jti: String::new(),
            tid: Some(claims.tid),
            roles: claims.roles,
            perm: claims.perm,
            grants: Vec::new(),
            act: None,
            epoch: claims.epoch,
            act_epoch: None,
        })
    }

    /// Returns who such a token speaks for.
    pub(super) fn principal(claims: AccessClaims) -> Principal {
        Principal {
            proof: Proof::SharedSecret,
            ..Principal::from(claims)
        }
    }
}

impl fmt::Debug for SharedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedKey").finish_non_exhaustive()
    }
}
