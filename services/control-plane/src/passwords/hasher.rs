//! Argon2id, with a bound on how much of it runs at once.
//!
//! A hash costs tens of milliseconds of a core and 19 MiB, and anybody may ask
//! for one by trying to log in. So a few run at once, some wait, and further ones
//! are refused. An unknown person costs the same work as a wrong password.
//!
//! *Source*: RFC 9106; OWASP Password Storage Cheat Sheet for the parameters.

use std::{net::IpAddr, sync::Arc};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::places::{Place, Places};
use crate::{Config, Error};

/// Hashes and checks passwords; clones share the bounds.
#[derive(Debug, Clone)]
pub(crate) struct Hasher {
    running: Arc<Semaphore>,
    places: Places,
    params: Params,
}

/// The right to compute hashes, one after the other, until it is dropped. A caller
/// who leaves does not make room before the work has ended.
#[derive(Debug)]
pub(crate) struct Turn {
    params: Params,
    _running: OwnedSemaphorePermit,
    _place: Place,
}

impl Hasher {
    /// Follows the settings, which are within their ranges.
    pub(crate) fn new(config: &Config) -> Self {
        let at_once = usize::from(config.hashes_at_once().max(1));
        let waiting = usize::from(config.max_waiting_hashes);
        Self {
            running: Arc::new(Semaphore::new(at_once)),
            places: Places::new(at_once, waiting),
            params: config.password_params(),
        }
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// [`Error::LoginBusy`] if too many calls wait already, of all or of this
    /// client's.
    pub(crate) async fn turn(&self, client: Option<IpAddr>) -> Result<Turn, Error> {
        let place = self.places.take(client)?;
        let running = Arc::clone(&self.running).acquire_owned().await;
        Ok(Turn {
            params: self.params.clone(),
            _running: running.map_err(|_| Error::LoginBusy)?,
            _place: place,
        })
    }

    /// Hashes a password with a salt of its own, as a PHC string.
    ///
    /// # Errors
    /// [`Error::LoginBusy`] if too many calls wait already.
    pub(crate) async fn hash(&self, password: SecretString) -> Result<String, Error> {
        let (hash, _) = self.turn(None).await?.hash(password).await?;
        Ok(hash)
    }

    /// Tells whether a password is the one that was hashed. Without a hash it is
    /// not, after the same work.
    ///
    /// # Errors
    /// [`Error::LoginBusy`] if too many calls wait already.
    pub(crate) async fn verify(
        &self,
        password: SecretString,
        hash: Option<String>,
    ) -> Result<bool, Error> {
        let (right, _) = self.turn(None).await?.verify(password, hash).await?;
        Ok(right)
    }

    /// Hashes a password anew if its hash is weaker than those made now, and if
    /// nobody would have to wait for it.
    pub(crate) async fn strengthen(&self, password: SecretString, hash: &str) -> Option<String> {
        if !is_weaker(hash, &self.params) {
            return None;
        }
        let turn = Turn {
            params: self.params.clone(),
            _running: Arc::clone(&self.running).try_acquire_owned().ok()?,
            _place: self.places.take(None).ok()?,
        };
        turn.hash(password).await.ok().map(|(hash, _)| hash)
    }
}

impl Turn {
    async fn hash(self, password: SecretString) -> Result<(String, Self), Error> {
        let (hash, turn) = self
            .run(move |params| {
                let hash = argon2(params).hash_password(password.expose_secret().as_bytes());
                hash.map(|hash: PasswordHash| hash.to_string())
            })
            .await?;
        let hash = hash.map_err(|_| Error::Fault("a password could not be hashed"))?;
        Ok((hash, turn))
    }

    /// Tells whether a password is the one that was hashed, and gives the turn
    /// back. Without a hash it is not, after the same work.
    ///
    /// # Errors
    /// If the hash is none.
    pub(crate) async fn verify(
        self,
        password: SecretString,
        hash: Option<String>,
    ) -> Result<(bool, Self), Error> {
        let (right, turn) = self
            .run(move |params| {
                let known = hash.is_some();
                let hash = hash.unwrap_or_else(|| nobody(&params));
                let hash = PasswordHash::new(&hash)?;
                let password = password.expose_secret().as_bytes();
                let right = argon2(params).verify_password(password, &hash).is_ok();
                Ok::<_, argon2::password_hash::phc::Error>(known && right)
            })
            .await?;
        let right = right.map_err(|_| Error::Fault("a stored password hash cannot be read"))?;
        Ok((right, turn))
    }

    /// Runs the work on a thread of its own, and takes the turn along.
    async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce(Params) -> T + Send + 'static,
    ) -> Result<(T, Self), Error> {
        let params = self.params.clone();
        tokio::task::spawn_blocking(move || (work(params), self))
            .await
            .map_err(|_| Error::Fault("hashing a password did not end"))
    }
}

fn argon2(params: Params) -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// Returns a hash that no password has, which costs what new ones cost: what is
/// compared with where there is no person.
fn nobody(params: &Params) -> String {
    let (m, t, p) = (params.m_cost(), params.t_cost(), params.p_cost());
    let (salt, hash) = ("A".repeat(22), "A".repeat(43));
    format!("$argon2id$v=19$m={m},t={t},p={p}${salt}${hash}")
}

/// Whether one of the costs of a hash is below those wanted.
fn is_weaker(hash: &str, wanted: &Params) -> bool {
    let hash = PasswordHash::new(hash).ok();
    let params = hash.and_then(|hash| Params::try_from(&hash).ok());
    params.is_some_and(|has| {
        has.m_cost() < wanted.m_cost()
            || has.t_cost() < wanted.t_cost()
            || has.p_cost() < wanted.p_cost()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hasher(at_once: u16, waiting: u16) -> Hasher {
        Hasher::new(&Config {
            max_hashes: at_once,
            max_waiting_hashes: waiting,
            ..Config::default()
        })
    }

    async fn run<T: Send + 'static>(
        hasher: Hasher,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let turn = hasher.turn(None).await?;
        Ok(turn.run(|_| work()).await?.0)
    }

    fn secret(text: &str) -> SecretString {
        SecretString::from(text.to_owned())
    }

    #[tokio::test]
    async fn a_password_verifies_and_others_do_not() {
        let hasher = hasher(2, 0);
        let hash = hasher.hash(secret("correct horse")).await.unwrap();
        assert!(!hash.contains("horse"));
        let again = hasher.hash(secret("correct horse")).await.unwrap();
        assert_ne!(hash, again, "each hash has a salt of its own");
        let verify = async |text: &str| hasher.verify(secret(text), Some(hash.clone())).await;
        assert!(verify("correct horse").await.unwrap());
        assert!(!verify("Correct horse").await.unwrap());
    }

    #[test]
    fn nobody_costs_what_a_person_costs() {
        let nobody = nobody(&Config::default().password_params());
        let nobody = PasswordHash::new(&nobody).unwrap();
        let params = Params::try_from(&nobody).unwrap();
        assert_eq!(nobody.algorithm.as_str(), "argon2id");
        assert_eq!(params.m_cost(), Params::DEFAULT.m_cost());
        assert_eq!(params.t_cost(), Params::DEFAULT.t_cost());
        assert_eq!(params.p_cost(), Params::DEFAULT.p_cost());
        assert_eq!(nobody.hash.unwrap().len(), Params::DEFAULT_OUTPUT_LEN);
    }

    #[tokio::test]
    async fn weaker_hashes_are_made_anew_where_a_turn_is_free() {
        let strong = Hasher::new(&Config {
            max_hashes: 1,
            password_passes: 3,
            ..Config::default()
        });
        let weak = hasher(1, 0).hash(secret("correct horse")).await.unwrap();
        let turn = strong.turn(None).await.unwrap();
        assert_eq!(
            strong.strengthen(secret("correct horse"), &weak).await,
            None
        );
        drop(turn);
        let stronger = strong.strengthen(secret("correct horse"), &weak).await;
        let stronger = stronger.unwrap();
        assert!(stronger.contains("t=3"), "{stronger}");
        // What is as strong, or stronger, stays.
        for hasher in [strong, hasher(1, 0)] {
            let again = hasher.strengthen(secret("correct horse"), &stronger).await;
            assert_eq!(again, None);
            let right = hasher.verify(secret("correct horse"), Some(stronger.clone()));
            assert!(right.await.unwrap());
        }
    }

    #[tokio::test]
    async fn nobody_has_no_password() {
        assert!(!hasher(1, 0).verify(secret(""), None).await.unwrap());
    }

    #[tokio::test]
    async fn calls_beyond_the_queue_are_refused() {
        let hasher = hasher(1, 1);
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let busy = hasher.clone();
        let first = tokio::spawn(async move { run(busy, move || wait.recv().is_ok()).await });
        while hasher.running.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let queued = hasher.clone();
        let second = tokio::spawn(async move { run(queued, || true).await });
        while hasher.places.available() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(
            run(hasher.clone(), || true).await,
            Err(Error::LoginBusy)
        ));
        release.send(()).unwrap();
        assert!(first.await.unwrap().unwrap());
        assert!(second.await.unwrap().unwrap());
        assert!(
            run(hasher.clone(), || true).await.unwrap(),
            "there is room again"
        );
    }

    #[tokio::test]
    async fn a_caller_who_leaves_makes_no_room_for_more_work() {
        let hasher = hasher(1, 0);
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let busy = hasher.clone();
        let call = tokio::spawn(async move { run(busy, move || wait.recv().is_ok()).await });
        while hasher.running.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled());
        assert!(matches!(
            run(hasher.clone(), || true).await,
            Err(Error::LoginBusy)
        ));
        release.send(()).unwrap();
        while hasher.places.available() == 0 {
            tokio::task::yield_now().await;
        }
    }
}
