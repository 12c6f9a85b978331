//! The public keys of the issuer of access tokens.
//!
//! Fetched when a token names a key that is not known, by one call at a time and
//! no more often than every ten seconds; the last good set is kept whatever
//! happens to its source.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use futures_util::future::BoxFuture;
use jsonwebtoken::{
    DecodingKey,
    jwk::{AlgorithmParameters, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse},
};
use tokio::{sync::Mutex, time::Instant};

use crate::wire::BoxError;

/// Keys are fetched no more often than this.
const FETCH_INTERVAL: Duration = Duration::from_secs(10);
/// Keys of a set that are looked at, at most.
const MAX_KEYS: usize = 100;
/// Longest id of a key, in bytes.
const MAX_KID_BYTES: usize = 256;

/// Fetches the set from wherever it is.
pub(crate) type Fetch = Box<dyn Fn() -> BoxFuture<'static, Result<JwkSet, BoxError>> + Send + Sync>;

/// Keys by id, and the way to fresh ones.
pub(crate) struct KeySource {
    keys: ArcSwap<HashMap<String, DecodingKey>>,
    fetch: Fetch,
    fetched: Mutex<Option<Instant>>,
}

impl KeySource {
    /// Knows no keys yet.
    pub(crate) fn new(fetch: Fetch) -> Self {
        Self {
            keys: ArcSwap::default(),
            fetch,
            fetched: Mutex::new(None),
        }
    }

    /// Whether keys have come.
    pub(crate) fn is_ready(&self) -> bool {
        !self.keys.load().is_empty()
    }

    /// Returns the key of an id, fetching the set if the id is not known.
    pub(crate) async fn get(&self, kid: &str) -> Option<DecodingKey> {
        if kid.len() > MAX_KID_BYTES {
            return None;
        }
        let known = |keys: &Arc<HashMap<String, DecodingKey>>| keys.get(kid).cloned();
        if let Some(key) = known(&self.keys.load()) {
            return Some(key);
        }
        let mut fetched = self.fetched.lock().await;
        // Somebody else may have fetched it while this call waited.
        if let Some(key) = known(&self.keys.load()) {
            return Some(key);
        }
        if fetched.is_some_and(|at| at.elapsed() < FETCH_INTERVAL) {
            return None;
        }
        *fetched = Some(Instant::now());
        self.fetch().await;
        drop(fetched);
        known(&self.keys.load())
    }

    /// Fetches the set now; for the start, when nobody asks yet. Returns whether
    /// keys are known.
    pub(crate) async fn refresh(&self) -> bool {
        let mut fetched = self.fetched.lock().await;
        *fetched = Some(Instant::now());
        self.fetch().await;
        self.is_ready()
    }

    async fn fetch(&self) {
        match (self.fetch)().await {
            Ok(set) => {
                let keys: HashMap<_, _> =
                    set.keys.iter().take(MAX_KEYS).filter_map(usable).collect();
                if !keys.is_empty() {
                    self.keys.store(Arc::new(keys));
                }
            }
            Err(error) => tracing::warn!(
                error = &*error as &dyn std::error::Error,
                "the keys of access tokens could not be fetched"
            ),
        }
    }
}

/// Keeps Ed25519 keys that have an id and are meant for signatures.
fn usable(key: &Jwk) -> Option<(String, DecodingKey)> {
    let common = &key.common;
    let ed25519 = matches!(key.algorithm, AlgorithmParameters::OctetKeyPair(_));
    let signs = common
        .public_key_use
        .as_ref()
        .is_none_or(|usage| *usage == PublicKeyUse::Signature);
    let eddsa = common
        .key_algorithm
        .is_none_or(|algorithm| algorithm == KeyAlgorithm::EdDSA);
    if !(ed25519 && signs && eddsa) {
        return None;
    }
    Some((common.key_id.clone()?, DecodingKey::from_jwk(key).ok()?))
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySource").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use resido_tenancy::keys::SigningKey;

    use super::*;

    fn source(set: JwkSet) -> (KeySource, Arc<AtomicUsize>) {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let fetch: Fetch = Box::new(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            let set = set.clone();
            Box::pin(async move { Ok(set) })
        });
        (KeySource::new(fetch), calls)
    }

    #[tokio::test(start_paused = true)]
    async fn g4_an_unknown_kid_costs_one_fetch_in_ten_seconds() {
        let key = SigningKey::from_pem(&SigningKey::generate_pem().unwrap()).unwrap();
        let (source, calls) = source(key.jwks());
        assert!(source.get(key.kid()).await.is_some());
        for _ in 0..50 {
            assert!(source.get("unknown").await.is_none());
            assert!(source.get(key.kid()).await.is_some());
        }
        assert_eq!(calls.load(Ordering::SeqCst), 1);
        tokio::time::advance(FETCH_INTERVAL).await;
        assert!(source.get("unknown").await.is_none());
        assert_eq!(calls.load(Ordering::SeqCst), 2);
        assert!(source.get(&"k".repeat(MAX_KID_BYTES + 1)).await.is_none());
    }

    #[tokio::test]
    async fn g1_keys_for_other_uses_are_not_taken() {
        let key = SigningKey::from_pem(&SigningKey::generate_pem().unwrap()).unwrap();
        let mut set = key.jwks();
        set.keys[0].common.public_key_use = Some(PublicKeyUse::Encryption);
        let (source, _) = source(set);
        assert!(!source.refresh().await);
    }
}
