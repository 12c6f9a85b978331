//! Whose an API key is, as the control plane says, remembered for a while.
//!
//! A key is remembered by its SHA-256. What is known of one is void when it
//! changes; what is not known is asked for by one call at a time.

use std::{fmt, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use moka::future::Cache;
use resido_observability::{Metrics, metrics::KeyLookup};
use resido_proto::{
    identity::{Role, Subject},
    identity_api::v1::{ResolveApiKeyRequest, ResolveApiKeyResponse},
};
use sha2::{Digest as _, Sha256};
use tokio::sync::{Semaphore, watch};
use tonic::{Code, Status};
use uuid::Uuid;

use super::{
    Principal,
    api_key::ApiKey,
    principal::{Proof, now},
    voids::Voids,
};
use crate::refusal::Refusal;

/// Keys that are remembered at most, and for how long.
const GOOD: (u64, Duration) = (50_000, Duration::from_secs(60));
/// Wrong keys that are remembered at most, and for how long.
const BAD: (u64, Duration) = (10_000, Duration::from_secs(5));
/// Questions that are open at once, at most.
const MAX_ASKING: usize = 64;
/// Time until an answer must have come.
const ASK_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a key is asked for that changes each time meanwhile.
const TRIES: usize = 3;

/// Asks the control plane.
pub(crate) type Ask = Box<
    dyn Fn(ResolveApiKeyRequest) -> BoxFuture<'static, Result<ResolveApiKeyResponse, Status>>
        + Send
        + Sync,
>;

type Hash = [u8; 32];

/// Finds out whose API keys are.
pub(crate) struct ApiKeys {
    /// None where there is no control plane, and so no keys.
    ask: Option<Ask>,
    good: Cache<Hash, Arc<Principal>>,
    bad: Cache<Hash, ()>,
    asking: Semaphore,
    voids: Voids,
    metrics: Metrics,
}

impl ApiKeys {
    /// Asks by `ask`, and counts with `metrics`.
    pub(crate) fn new(ask: Ask, metrics: Metrics) -> Self {
        Self::with(Some(ask), metrics)
    }

    /// Knows no key and never will.
    pub(crate) fn none() -> Self {
        Self::with(None, Metrics::default())
    }

    fn with(ask: Option<Ask>, metrics: Metrics) -> Self {
        let cache = |(size, time)| Cache::builder().max_capacity(size).time_to_live(time);
        Self {
            ask,
            good: cache(GOOD).build(),
            bad: Cache::builder()
                .max_capacity(BAD.0)
                .time_to_live(BAD.1)
                .build(),
            asking: Semaphore::new(MAX_ASKING),
            voids: Voids::default(),
            metrics,
        }
    }

    /// Returns the holder of a key.
    ///
    /// # Errors
    /// [`Refusal::CredentialInvalid`] if it is nobody's, or works no more;
    /// [`Refusal::UpstreamUnavailable`] if nobody can tell, and
    /// [`Refusal::Overloaded`] if too many ask.
    pub(super) async fn holder(&self, text: &str) -> Result<Arc<Principal>, Refusal> {
        let ask = self.ask.as_ref().ok_or(Refusal::CredentialInvalid)?;
        let key = ApiKey::parse(text).ok_or(Refusal::CredentialInvalid)?;
        let hash: Hash = Sha256::digest(text).into();
        if let Some(known) = self.good.get(&hash).await {
            if !self.is_void(&known) {
                self.metrics.key_lookup(KeyLookup::Hit);
                return in_time(known);
            }
            self.good.invalidate(&hash).await;
        }
        if self.bad.get(&hash).await.is_some() {
            self.metrics.key_lookup(KeyLookup::Negative);
            return Err(Refusal::CredentialInvalid);
        }
        for _ in 0..TRIES {
            let asked = self.find(ask, key, hash);
            let found = self.good.try_get_with(hash, asked).await;
            let found = found.map_err(|refusal| Refusal::clone(&refusal))?;
            // It may be an answer to somebody who asked before the key changed.
            if !self.is_void(&found) {
                return in_time(found);
            }
            self.good.invalidate(&hash).await;
        }
        Err(Refusal::UpstreamUnavailable)
    }

    /// Whether the key by which somebody was believed has changed since.
    pub(super) fn is_void(&self, principal: &Principal) -> bool {
        match principal.proof {
            Proof::ApiKey { id, asked } => self.voids.is_void(id, asked),
            Proof::None | Proof::Token | Proof::SharedSecret => false,
        }
    }

    /// Hears that a key has changed.
    pub(crate) fn changed(&self, id: &str) {
        match id.parse() {
            Ok(id) => self.voids.void(id),
            Err(_) => self.voids.void_all(),
        }
    }

    /// Hears that any key may have changed.
    pub(crate) fn all_changed(&self) {
        self.voids.void_all();
    }

    /// Tells of changes.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.voids.changes()
    }

    async fn find(
        &self,
        ask: &Ask,
        key: ApiKey<'_>,
        hash: Hash,
    ) -> Result<Arc<Principal>, Refusal> {
        let place = self.asking.try_acquire();
        let _place = place.map_err(|_| {
            self.metrics.key_lookup(KeyLookup::Shed);
            Refusal::Overloaded
        })?;
        self.metrics.key_lookup(KeyLookup::Miss);
        let asked = self.voids.clock();
        let request = ResolveApiKeyRequest {
            prefix: key.prefix.to_owned(),
            secret_hash: key.secret_hash().to_vec(),
        };
        let answer = tokio::time::timeout(ASK_TIMEOUT, ask(request)).await;
        match answer.unwrap_or_else(|_| Err(Status::deadline_exceeded("no answer came in time"))) {
            Ok(answer) => match holder(answer, asked) {
                Some(principal) => Ok(Arc::new(principal)),
                None => {
                    tracing::error!("the holder of an API key was not understood");
                    Err(Refusal::UpstreamInvalid)
                }
            },
            Err(status) if status.code() == Code::NotFound => {
                self.bad.insert(hash, ()).await;
                Err(Refusal::CredentialInvalid)
            }
            Err(status) => {
                let (code, error) = (status.code(), status.message());
                tracing::warn!(
                    ?code,
                    error,
                    "the holder of an API key could not be asked for"
                );
                Err(Refusal::UpstreamUnavailable)
            }
        }
    }
}

/// The end of a secret is not waited for until it is forgotten.
fn in_time(principal: Arc<Principal>) -> Result<Arc<Principal>, Refusal> {
    if principal.accepted_until.is_none_or(|end| now() < end) {
        Ok(principal)
    } else {
        Err(Refusal::CredentialInvalid)
    }
}

/// Reads an answer.
fn holder(answer: ResolveApiKeyResponse, asked: u64) -> Option<Principal> {
    let id: Uuid = answer.id.parse().ok()?;
    let end = answer
        .expire_time
        .map(|time| u64::try_from(time.seconds).unwrap_or(0));
    Some(Principal {
        subject: Subject::ApiKey(answer.id),
        tenant: Some(answer.tenant_id.parse().ok()?),
        roles: answer.roles.into_iter().map(Role::named).collect(),
        actor: None,
        permissions: Some(answer.scopes).filter(|scopes| !scopes.is_empty()),
        grants: answer.grants,
        epoch: 0,
        actor_epoch: 0,
        proof: Proof::ApiKey { id, asked },
        accepted_until: end,
    })
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeys").finish_non_exhaustive()
    }
}
