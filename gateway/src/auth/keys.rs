//! The public keys of the issuer of access tokens.
//!
//! Fetched when a token names a key that is not known, by one call at a time and
//! no more often than every ten seconds; the last good set is kept whatever
//! happens to its source.
//!
//! A set is fetched again every minute, whether anybody calls or not, and beside
//! a call that finds it older: no call waits for a key that is known. So a key
//! that the issuer retires verifies for two minutes at most while its source
//! answers, those included for which the authenticator remembers a token.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use arc_swap::{ArcSwap, ArcSwapOption};
use futures_util::future::BoxFuture;
use jsonwebtoken::{
    DecodingKey,
    jwk::{
        AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, KeyOperations, PublicKeyUse,
    },
};
use tokio::{sync::Mutex, time::Instant};

use crate::wire::BoxError;

/// Keys are fetched no more often than this.
const FETCH_INTERVAL: Duration = Duration::from_secs(10);
/// Age at which a set is fetched again.
const REFRESH_AFTER: Duration = Duration::from_secs(60);
/// Time of one fetch at most.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// Keys of a set that are looked at, at most.
const MAX_KEYS: usize = 100;
/// Longest id of a key, in bytes.
const MAX_KID_BYTES: usize = 256;

/// Fetches the set from wherever it is.
pub(crate) type Fetch = Box<dyn Fn() -> BoxFuture<'static, Result<JwkSet, BoxError>> + Send + Sync>;

/// Keys by id, and the way to fresh ones.
pub(crate) struct KeySource {
    shared: Arc<Shared>,
}

struct Shared {
    keys: ArcSwap<Keys>,
    fetch: Fetch,
    /// When a fetch was last begun; held while one goes on.
    fetched: Mutex<Option<Instant>>,
    /// When a set last came.
    came: ArcSwapOption<Instant>,
    /// Whether keys will come at all.
    expected: bool,
}

/// One set of keys.
#[derive(Default)]
struct Keys {
    by_kid: HashMap<String, DecodingKey>,
    /// Counts the sets that differed.
    generation: u64,
}

impl KeySource {
    /// Knows no keys yet.
    pub(crate) fn new(fetch: Fetch) -> Self {
        Self::with(fetch, true)
    }

    /// Knows no keys and never will.
    pub(crate) fn none() -> Self {
        Self::with(
            Box::new(|| Box::pin(async { Err("there is no issuer".into()) })),
            false,
        )
    }

    fn with(fetch: Fetch, expected: bool) -> Self {
        let shared = Shared {
            expected,
            keys: ArcSwap::default(),
            fetch,
            fetched: Mutex::new(None),
            came: ArcSwapOption::empty(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Whether keys have come.
    pub(crate) fn is_ready(&self) -> bool {
        !self.shared.keys.load().by_kid.is_empty()
    }

    /// Whether keys are still to come.
    pub(crate) fn is_waiting(&self) -> bool {
        self.shared.expected && !self.is_ready()
    }

    /// Returns a number that changes when the keys do.
    pub(crate) fn generation(&self) -> u64 {
        self.shared.keys.load().generation
    }

    /// Returns the key of an id, fetching the set if the id is not known.
    pub(crate) async fn get(&self, kid: &str) -> Option<DecodingKey> {
        if kid.len() > MAX_KID_BYTES {
            return None;
        }
        let shared = Arc::clone(&self.shared);
        if let Some(known) = shared.known(kid) {
            if shared.age() >= REFRESH_AFTER {
                tokio::spawn(async move { shared.renew().await });
            }
            return Some(known);
        }
        let wanted = kid.to_owned();
        // In a task of its own: a caller that leaves must not undo the fetch.
        let fetching = tokio::spawn(async move { shared.look_for(&wanted).await });
        fetching.await.ok().flatten()
    }

    /// Fetches the set again whenever it is old, until it is dropped.
    pub(crate) async fn keep_fresh(&self) {
        loop {
            let left = REFRESH_AFTER.saturating_sub(self.shared.age());
            tokio::time::sleep(left.max(FETCH_INTERVAL)).await;
            self.shared.renew().await;
        }
    }

    /// Fetches the set now; for the start, when nobody asks yet. Returns whether
    /// keys are known.
    pub(crate) async fn refresh(&self) -> bool {
        let mut fetched = self.shared.fetched.lock().await;
        *fetched = Some(Instant::now());
        self.shared.fetch().await;
        self.is_ready()
    }
}

impl Shared {
    fn known(&self, kid: &str) -> Option<DecodingKey> {
        self.keys.load().by_kid.get(kid).cloned()
    }

    /// Returns how old the set is.
    fn age(&self) -> Duration {
        let came = self.came.load();
        came.as_ref().map_or(Duration::MAX, |came| came.elapsed())
    }

    /// Fetches the set again if it is old, unless it was tried lately or somebody
    /// is at it.
    async fn renew(&self) {
        let Ok(mut fetched) = self.fetched.try_lock() else {
            return;
        };
        let lately = fetched.is_some_and(|at| at.elapsed() < FETCH_INTERVAL);
        if lately || self.age() < REFRESH_AFTER {
            return;
        }
        *fetched = Some(Instant::now());
        self.fetch().await;
    }

    async fn look_for(&self, kid: &str) -> Option<DecodingKey> {
        let mut fetched = self.fetched.lock().await;
        // Somebody else may have fetched it while this call waited.
        let known = self.known(kid);
        let lately = fetched.is_some_and(|at| at.elapsed() < FETCH_INTERVAL);
        if known.is_some() || lately {
            return known;
        }
        *fetched = Some(Instant::now());
        self.fetch().await;
        self.known(kid)
    }

    async fn fetch(&self) {
        let fetched = tokio::time::timeout(FETCH_TIMEOUT, (self.fetch)()).await;
        match fetched.unwrap_or_else(|_| Err("no answer came in time".into())) {
            Ok(set) => self.take(&set),
            Err(error) => tracing::warn!(
                error = &*error as &dyn std::error::Error,
                "the keys of access tokens could not be fetched"
            ),
        }
    }

    /// Takes a set over, unless nothing in it can be used.
    fn take(&self, set: &JwkSet) {
        let by_kid: HashMap<_, _> = set.keys.iter().take(MAX_KEYS).filter_map(usable).collect();
        if by_kid.is_empty() {
            return;
        }
        self.came.store(Some(Arc::new(Instant::now())));
        let known = self.keys.load();
        let same = by_kid.len() == known.by_kid.len()
            && by_kid.keys().all(|kid| known.by_kid.contains_key(kid));
        // Ids are thumbprints or as good: the same ids are the same keys.
        if !same {
            let generation = known.generation + 1;
            self.keys.store(Arc::new(Keys { by_kid, generation }));
        }
    }
}

/// Keeps Ed25519 keys that have an id and are meant to verify signatures.
fn usable(key: &Jwk) -> Option<(String, DecodingKey)> {
    let common = &key.common;
    let AlgorithmParameters::OctetKeyPair(pair) = &key.algorithm else {
        return None;
    };
    let uses = &common.public_key_use;
    let operations = &common.key_operations;
    let fits = pair.curve == EllipticCurve::Ed25519
        && uses
            .as_ref()
            .is_none_or(|usage| *usage == PublicKeyUse::Signature)
        && operations
            .as_ref()
            .is_none_or(|list| list.contains(&KeyOperations::Verify))
        && common
            .key_algorithm
            .is_none_or(|algorithm| algorithm == KeyAlgorithm::EdDSA);
    let kid = common.key_id.clone().filter(|_| fits)?;
    Some((kid, DecodingKey::from_jwk(key).ok()?))
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

    #[tokio::test(start_paused = true)]
    async fn g4_a_fetch_ends_though_its_caller_leaves_or_the_source_is_silent() {
        let key = SigningKey::from_pem(&SigningKey::generate_pem().unwrap()).unwrap();
        let (kid, set) = (key.kid().to_owned(), key.jwks());
        let slow = KeySource::new(Box::new(move || {
            let set = set.clone();
            Box::pin(async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Ok(set)
            })
        }));
        let left = tokio::time::timeout(Duration::from_millis(10), slow.get(&kid)).await;
        assert!(left.is_err(), "the caller has left");
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(slow.is_ready());
        let silent = KeySource::new(Box::new(|| Box::pin(std::future::pending())));
        let started = Instant::now();
        assert!(silent.get("any").await.is_none());
        assert_eq!(started.elapsed(), FETCH_TIMEOUT);
    }

    /// Hands out sets of so many keys, one after the other, and the last for ever.
    fn rotating(sets: Vec<JwkSet>) -> KeySource {
        let sets = std::sync::Mutex::new(sets);
        KeySource::new(Box::new(move || {
            let mut sets = sets.lock().unwrap();
            let set = if sets.len() > 1 {
                sets.remove(0)
            } else {
                sets[0].clone()
            };
            Box::pin(async move { Ok(set) })
        }))
    }

    #[tokio::test(start_paused = true)]
    async fn a_retired_key_verifies_for_two_minutes_at_most() {
        let key = || SigningKey::from_pem(&SigningKey::generate_pem().unwrap()).unwrap();
        let (old, new) = (key(), key());
        let both = JwkSet {
            keys: [new.jwks().keys, old.jwks().keys].concat(),
        };
        // Nobody calls for minutes.
        let source = Arc::new(rotating(vec![both.clone(), new.jwks()]));
        let kept = Arc::clone(&source);
        let keeping = tokio::spawn(async move { kept.keep_fresh().await });
        assert!(source.get(old.kid()).await.is_some());
        tokio::time::sleep(REFRESH_AFTER * 2).await;
        assert!(source.get(old.kid()).await.is_none());
        assert!(source.get(new.kid()).await.is_some());
        keeping.abort();
        // Somebody calls all the time: one of the calls has it fetched beside it.
        let source = rotating(vec![both, new.jwks()]);
        assert!(source.get(old.kid()).await.is_some());
        tokio::time::advance(REFRESH_AFTER).await;
        assert!(
            source.get(old.kid()).await.is_some(),
            "it is not waited for"
        );
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert!(source.get(old.kid()).await.is_none());
    }

    /// Answers at once the first time, and then never.
    fn falling_silent(set: JwkSet) -> (KeySource, Arc<AtomicUsize>) {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let source = KeySource::new(Box::new(move || -> BoxFuture<'static, _> {
            if counted.fetch_add(1, Ordering::SeqCst) > 0 {
                return Box::pin(std::future::pending());
            }
            let set = set.clone();
            Box::pin(async move { Ok(set) })
        }));
        (source, calls)
    }

    #[tokio::test(start_paused = true)]
    async fn no_call_waits_for_a_known_key_however_old_its_set_is() {
        let key = SigningKey::from_pem(&SigningKey::generate_pem().unwrap()).unwrap();
        let (source, calls) = falling_silent(key.jwks());
        assert!(source.get(key.kid()).await.is_some());
        tokio::time::advance(Duration::from_secs(60 * 60)).await;
        let before = Instant::now();
        for _ in 0..50 {
            assert!(source.get(key.kid()).await.is_some());
        }
        assert_eq!(Instant::now(), before, "nothing was waited for");
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(calls.load(Ordering::SeqCst), 2, "one fetch for all");
        assert!(source.get(key.kid()).await.is_some(), "while it goes on");
    }

    #[tokio::test(start_paused = true)]
    async fn old_keys_are_kept_while_their_source_is_away() {
        let key = SigningKey::from_pem(&SigningKey::generate_pem().unwrap()).unwrap();
        let (source, calls) = falling_silent(key.jwks());
        assert!(source.get(key.kid()).await.is_some());
        let source = Arc::new(source);
        let kept = Arc::clone(&source);
        let keeping = tokio::spawn(async move { kept.keep_fresh().await });
        tokio::time::sleep(Duration::from_secs(90)).await;
        let tries = calls.load(Ordering::SeqCst);
        assert!((3..=6).contains(&tries), "{tries} tries in 30 seconds");
        assert!(source.get(key.kid()).await.is_some());
        keeping.abort();
    }

    #[tokio::test]
    async fn g5_new_keys_are_a_new_generation() {
        let key = || SigningKey::from_pem(&SigningKey::generate_pem().unwrap()).unwrap();
        let source = rotating(vec![key().jwks(), key().jwks()]);
        let mut seen = Vec::new();
        for _ in 0..3 {
            source.refresh().await;
            seen.push(source.generation());
        }
        assert_eq!(seen, [1, 2, 2]);
    }
}
