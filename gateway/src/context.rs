//! Signed contexts, made per principal, tenant and service, and used again.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use jsonwebtoken::jwk::JwkSet;
use moka::{Expiry, sync::Cache};
use resido_proto::identity::{CONTEXT_ISSUER, ContextClaims, Role, Subject, TenantClaims};
use resido_tenancy::{context::Signer, keys};

use crate::auth::Principal;

/// Contexts that are kept at most.
const KEPT: u64 = 50_000;
/// A context is not used any more when it has only so long to live.
const MARGIN: Duration = Duration::from_secs(20);

/// Makes contexts.
#[derive(Debug)]
pub(crate) struct Minter {
    signer: Signer,
    kept: Cache<Key, Arc<str>>,
}

/// What a context says besides its times.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    audience: Arc<str>,
    subject: Subject,
    roles: Vec<Role>,
    actor: Option<Subject>,
    permissions: Option<Vec<String>>,
    grants: Vec<String>,
    tenant: Option<TenantClaims>,
}

/// Forgets every context the same time after it was made.
struct AfterMaking;

impl Expiry<Key, Arc<str>> for AfterMaking {
    fn expire_after_create(
        &self,
        _: &Key,
        _: &Arc<str>,
        _: std::time::Instant,
    ) -> Option<Duration> {
        Some(Signer::LIFETIME - MARGIN)
    }
}

impl Minter {
    /// Signs with the gateway's key.
    pub(crate) fn new(signer: Signer) -> Self {
        let kept = Cache::builder()
            .max_capacity(KEPT)
            .expire_after(AfterMaking)
            .build();
        Self { signer, kept }
    }

    /// Returns the public keys that verify the contexts.
    pub(crate) fn jwks(&self) -> JwkSet {
        self.signer.jwks()
    }

    /// Returns a context for a caller, addressed to a service.
    ///
    /// # Errors
    /// If the key cannot sign.
    pub(crate) fn for_caller(
        &self,
        audience: &Arc<str>,
        principal: &Principal,
        tenant: Option<TenantClaims>,
    ) -> Result<Arc<str>, keys::Error> {
        self.get(Key {
            audience: Arc::clone(audience),
            subject: principal.subject.clone(),
            roles: principal.roles.clone(),
            actor: principal.actor.clone(),
            permissions: principal.permissions.clone(),
            grants: principal.grants.clone(),
            tenant,
        })
    }

    /// Returns a context for the gateway's own calls.
    ///
    /// # Errors
    /// If the key cannot sign.
    pub(crate) fn own(&self, audience: &Arc<str>) -> Result<Arc<str>, keys::Error> {
        self.get(Key {
            audience: Arc::clone(audience),
            subject: Subject::Service("gateway".to_owned()),
            roles: Vec::new(),
            actor: None,
            permissions: None,
            grants: Vec::new(),
            tenant: None,
        })
    }

    fn get(&self, key: Key) -> Result<Arc<str>, keys::Error> {
        if let Some(known) = self.kept.get(&key) {
            return Ok(known);
        }
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        let wanted = key.clone();
        let token: Arc<str> = self
            .signer
            .sign(&ContextClaims {
                iss: CONTEXT_ISSUER.to_owned(),
                aud: wanted.audience.to_string(),
                iat: now,
                exp: now + Signer::LIFETIME.as_secs(),
                sub: wanted.subject,
                act: wanted.actor,
                roles: wanted.roles,
                perm: wanted.permissions,
                grants: wanted.grants,
                tenant: wanted.tenant,
            })?
            .into();
        self.kept.insert(key, Arc::clone(&token));
        Ok(token)
    }
}

#[cfg(test)]
mod tests {
    use resido_proto::ids::{TenantId, UserId};
    use resido_tenancy::{context::Verifier, keys::SigningKey};

    use super::*;

    fn minter() -> Minter {
        let pem = SigningKey::generate_pem().unwrap();
        Minter::new(Signer::new(SigningKey::from_pem(&pem).unwrap()))
    }

    #[test]
    fn a_context_is_used_again_for_the_same_and_never_for_another() {
        let minter = minter();
        let principal = |roles: &[Role]| Principal {
            subject: Subject::User(UserId::from_uuid(uuid::Uuid::nil())),
            roles: roles.to_vec(),
            ..Principal::ANONYMOUS
        };
        let tenant = |epoch| TenantClaims {
            tid: TenantId::from_uuid(uuid::Uuid::nil()),
            epoch,
            plan: "free".into(),
            place: "main".into(),
            sv: 1,
            mode: resido_proto::identity::Mode::ReadWrite,
        };
        let (housing, other): (Arc<str>, Arc<str>) = ("housing".into(), "other".into());
        let member = principal(&[Role::MEMBER]);
        let first = minter
            .for_caller(&housing, &member, Some(tenant(1)))
            .unwrap();
        let again = minter
            .for_caller(&housing, &member, Some(tenant(1)))
            .unwrap();
        assert_eq!(first, again);
        let acted = Principal {
            actor: Some(Subject::User(UserId::new())),
            ..member.clone()
        };
        for different in [
            minter.for_caller(&other, &member, Some(tenant(1))),
            minter.for_caller(&housing, &member, Some(tenant(2))),
            minter.for_caller(&housing, &member, None),
            minter.for_caller(&housing, &principal(&[Role::OWNER]), Some(tenant(1))),
            // An operator who acts as the person is not the person.
            minter.for_caller(&housing, &acted, Some(tenant(1))),
        ] {
            assert_ne!(first, different.unwrap());
        }
        let verified = Verifier::new(&minter.jwks(), "housing")
            .verify(&first)
            .unwrap();
        assert_eq!(verified.tenant, Some(tenant(1)));
    }
}
