//! Argon2id, with a bound on how much of it runs at once.
//!
//! A hash costs tens of milliseconds of a core and 19 MiB, and anybody may ask
//! for one by trying to log in. So a few run at once, some wait, and further ones
//! are refused. An unknown person costs the same work as a wrong password.
//!
//! *Source*: RFC 9106; OWASP Password Storage Cheat Sheet for the parameters.

use std::sync::Arc;

use argon2::{
    Argon2,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;

use crate::Error;

/// A hash that no password has, of the same parameters as real ones: what is
/// compared with where there is no person.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Hashes and checks passwords; clones share the bounds.
#[derive(Debug, Clone)]
pub(crate) struct Hasher {
    running: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

impl Hasher {
    /// Lets so many hashes run at once, and so many calls wait besides.
    pub(crate) fn new(at_once: u16, waiting: u16) -> Self {
        let at_once = usize::from(at_once.max(1));
        Self {
            running: Arc::new(Semaphore::new(at_once)),
            places: Arc::new(Semaphore::new(at_once + usize::from(waiting))),
        }
    }

    /// Hashes a password with a salt of its own, as a PHC string.
    ///
    /// # Errors
    /// [`Error::LoginBusy`] if too many calls wait already.
    pub(crate) async fn hash(&self, password: SecretString) -> Result<String, Error> {
        self.run(move || {
            let hash = Argon2::default().hash_password(password.expose_secret().as_bytes());
            hash.map(|hash: PasswordHash| hash.to_string())
                .map_err(|_| Error::Fault("a password could not be hashed"))
        })
        .await?
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
        self.run(move || {
            let known = hash.is_some();
            let hash = PasswordHash::new(hash.as_deref().unwrap_or(NOBODY))
                .map_err(|_| Error::Fault("a stored password hash cannot be read"))?;
            let password = password.expose_secret().as_bytes();
            let right = Argon2::default().verify_password(password, &hash).is_ok();
            Ok(known && right)
        })
        .await?
    }

    /// Runs the work on a thread of its own. The permits go with it: a caller who
    /// leaves does not make room before the work has ended.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| Error::LoginBusy)?;
        let turn = Arc::clone(&self.running).acquire_owned().await;
        let turn = turn.map_err(|_| Error::LoginBusy)?;
        let work = move || {
            let result = work();
            drop((turn, place));
            result
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|_| Error::Fault("hashing a password did not end"))
    }
}

#[cfg(test)]
mod tests {
    use argon2::Params;

    use super::*;

    fn secret(text: &str) -> SecretString {
        SecretString::from(text.to_owned())
    }

    #[tokio::test]
    async fn a_password_verifies_and_others_do_not() {
        let hasher = Hasher::new(2, 0);
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
        let nobody = PasswordHash::new(NOBODY).unwrap();
        let params = Params::try_from(&nobody).unwrap();
        assert_eq!(nobody.algorithm.as_str(), "argon2id");
        assert_eq!(params.m_cost(), Params::DEFAULT.m_cost());
        assert_eq!(params.t_cost(), Params::DEFAULT.t_cost());
        assert_eq!(params.p_cost(), Params::DEFAULT.p_cost());
        assert_eq!(nobody.hash.unwrap().len(), Params::DEFAULT_OUTPUT_LEN);
    }

    #[tokio::test]
    async fn nobody_has_no_password() {
        assert!(!Hasher::new(1, 0).verify(secret(""), None).await.unwrap());
    }

    #[tokio::test]
    async fn calls_beyond_the_queue_are_refused() {
        let hasher = Hasher::new(1, 1);
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let busy = hasher.clone();
        let first = tokio::spawn(async move { busy.run(move || wait.recv().is_ok()).await });
        while hasher.running.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let queued = hasher.clone();
        let second = tokio::spawn(async move { queued.run(|| true).await });
        while hasher.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(hasher.run(|| true).await, Err(Error::LoginBusy)));
        release.send(()).unwrap();
        assert!(first.await.unwrap().unwrap());
        assert!(second.await.unwrap().unwrap());
        assert!(hasher.run(|| true).await.unwrap(), "there is room again");
    }

    #[tokio::test]
    async fn a_caller_who_leaves_makes_no_room_for_more_work() {
        let hasher = Hasher::new(1, 0);
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let busy = hasher.clone();
        let call = tokio::spawn(async move { busy.run(move || wait.recv().is_ok()).await });
        while hasher.running.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled());
        assert!(matches!(hasher.run(|| true).await, Err(Error::LoginBusy)));
        release.send(()).unwrap();
        while hasher.places.available_permits() == 0 {
            tokio::task::yield_now().await;
        }
    }
}
