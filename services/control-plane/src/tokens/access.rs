//! Access tokens: short-lived, signed, for one tenant or for the platform.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use arc_swap::ArcSwap;
use resido_proto::{
    identity::{ACCESS_AUDIENCE, AccessClaims, Role, Subject},
    ids::{TenantId, UserId},
};
use uuid::Uuid;

use super::KeyRing;
use crate::{Config, Error, MAX_TOKEN_SECONDS, roles::Grants};

/// `typ` of an access token.
const TYPE: &str = "JWT";

/// Whom a token is for, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    /// The person.
    pub(crate) user: UserId,
    /// The tenant; none for the platform.
    pub(crate) tenant: Option<TenantId>,
    /// The epoch of the membership, or of what the person is on the platform.
    pub(crate) epoch: i64,
    /// The roles in the tenant, or on the platform.
    pub(crate) roles: Vec<Role>,
    /// What the roles come to.
    pub(crate) grants: Grants,
    /// The operator who acts as the person, if any.
    pub(crate) actor: Option<Impersonator>,
}

/// An operator who acts as somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Impersonator {
    pub(crate) subject: Subject,
    /// The epoch of what the operator is on the platform.
    pub(crate) epoch: i64,
}

/// Signs access tokens; clones share the keys.
#[derive(Debug, Clone)]
pub(crate) struct Issuer {
    pub(super) keys: Arc<ArcSwap<KeyRing>>,
    pub(super) issuer: String,
    pub(super) public_url: String,
    seconds: u32,
}

impl Issuer {
    /// Signs with the keys.
    pub(crate) fn new(keys: KeyRing, config: &Config) -> Self {
        Self {
            keys: Arc::new(ArcSwap::from_pointee(keys)),
            public_url: config.public_url.clone(),
            issuer: config.issuer.clone(),
            seconds: config.access_token_seconds.clamp(1, MAX_TOKEN_SECONDS),
        }
    }

    /// Goes on with other keys.
    pub(crate) fn set_keys(&self, keys: KeyRing) {
        self.keys.store(Arc::new(keys));
    }

    /// Returns the life of a token, in seconds.
    pub(crate) fn lifetime_seconds(&self) -> u32 {
        self.seconds
    }

    /// Signs a token.
    ///
    /// # Errors
    /// If the key cannot sign.
    pub(crate) fn issue(&self, holder: Holder) -> Result<String, Error> {
        self.issue_for(self.seconds, holder)
    }

    /// Signs a token of another life.
    ///
    /// # Errors
    /// If the key cannot sign.
    pub(crate) fn issue_for(&self, seconds: u32, holder: Holder) -> Result<String, Error> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now
            .map_err(|_| Error::Fault("the clock is before 1970"))?
            .as_secs();
        let claims = AccessClaims {
            iss: self.issuer.clone(),
            aud: ACCESS_AUDIENCE.to_owned(),
            sub: Subject::User(holder.user),
            exp: now + u64::from(seconds),
            iat: now,
            nbf: now,
            jti: Uuid::new_v4().to_string(),
            tid: holder.tenant,
            roles: holder.roles,
            perm: holder.grants.perm,
            grants: holder.grants.grants,
            act_epoch: holder.actor.as_ref().map(|actor| actor.epoch),
            act: holder.actor.map(|actor| actor.subject),
            epoch: holder.epoch,
        };
        Ok(self.keys.load().signing().sign(TYPE, &claims)?)
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{Algorithm, DecodingKey, Validation, jwk::JwkSet};
    use resido_tenancy::keys::SigningKey;

    use super::*;

    fn issuer() -> Issuer {
        let pem = SigningKey::generate_pem().unwrap();
        Issuer::new(
            SigningKey::from_pem(&pem).unwrap().into(),
            &Config::default(),
        )
    }

    fn decode(issuer: &Issuer, token: &str) -> AccessClaims {
        let keys: JwkSet = serde_json::from_slice(&issuer.jwks().unwrap().data).unwrap();
        let header = jsonwebtoken::decode_header(token).unwrap();
        assert_eq!(header.typ.as_deref(), Some("JWT"));
        let key = keys.find(&header.kid.unwrap()).unwrap();
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&["resido"]);
        validation.set_issuer(&["resido"]);
        jsonwebtoken::decode(token, &DecodingKey::from_jwk(key).unwrap(), &validation)
            .unwrap()
            .claims
    }

    #[test]
    fn a_token_names_one_tenant_and_lives_15_minutes() {
        let issuer = issuer();
        let (user, tenant) = (UserId::new(), TenantId::new());
        let holder = Holder {
            user,
            tenant: Some(tenant),
            epoch: 7,
            roles: vec![Role::OWNER],
            grants: Grants::default(),
            actor: None,
        };
        let claims = decode(&issuer, &issuer.issue(holder.clone()).unwrap());
        assert_eq!(claims.sub, Subject::User(user));
        assert_eq!((claims.tid, claims.epoch), (Some(tenant), 7));
        assert_eq!(claims.roles, [Role::OWNER]);
        assert_eq!(claims.exp - claims.iat, 900);
        assert_eq!(claims.nbf, claims.iat);
        let other = decode(&issuer, &issuer.issue(holder).unwrap());
        assert_ne!(claims.jti, other.jti);
    }

    #[test]
    fn a_token_of_somebody_else_names_who_acts_and_what_is_granted() {
        let issuer = issuer();
        let operator = Subject::User(UserId::new());
        let grants = Grants {
            grants: vec!["units.read".into()],
            perm: Some(vec!["units.read".into(), "users.read".into()]),
        };
        let holder = Holder {
            user: UserId::new(),
            tenant: Some(TenantId::new()),
            epoch: 7,
            roles: vec![Role::named("clerk")],
            grants: grants.clone(),
            actor: Some(Impersonator {
                subject: operator.clone(),
                epoch: 5,
            }),
        };
        let claims = decode(&issuer, &issuer.issue_for(60, holder).unwrap());
        assert_eq!((claims.act, claims.act_epoch), (Some(operator), Some(5)));
        assert_eq!((claims.grants, claims.perm), (grants.grants, grants.perm));
        assert_eq!(claims.exp - claims.iat, 60);
    }

    #[test]
    fn a_platform_token_names_no_tenant() {
        let issuer = issuer();
        let holder = Holder {
            user: UserId::new(),
            tenant: None,
            epoch: 3,
            roles: vec![Role::PLATFORM_ADMIN],
            grants: Grants::default(),
            actor: None,
        };
        let claims = decode(&issuer, &issuer.issue(holder).unwrap());
        assert_eq!((claims.tid, claims.epoch), (None, 3));
    }
}
