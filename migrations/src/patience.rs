//! How long something is tried again that others were in the way of.

use std::time::{Duration, Instant};

use resido_tenancy::db;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::Error;

/// Tries of one file for one tenant when it meets locks or a lost connection.
const TRIES: u32 = 6;
/// The wait after the first try at most, and after any.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// Between looks at whether another process has finished with a tenant.
const POLL: Duration = Duration::from_millis(50);

/// What is left of the patience with one tenant.
#[derive(Debug)]
pub(crate) struct Patience {
    lock_wait: Duration,
    stop: CancellationToken,
    tries: u32,
    locked: Option<Instant>,
}

impl Patience {
    /// Waits so long for another process's work, and no longer than until `stop`:
    /// what has not begun shall not begin.
    pub(crate) fn new(lock_wait: Duration, stop: CancellationToken) -> Self {
        Self {
            lock_wait,
            stop,
            tries: 1,
            locked: None,
        }
    }

    /// Something went well: what comes next has all the patience.
    pub(crate) fn renew(&mut self) {
        (self.tries, self.locked) = (1, None);
    }

    /// Waits before the next try, if there shall be one.
    ///
    /// # Errors
    /// The error itself, if trying again would not help or patience is over.
    pub(crate) async fn after(&mut self, error: Error) -> Result<(), Error> {
        let wait = match &error {
            Error::Locked => {
                let since = *self.locked.get_or_insert_with(Instant::now);
                (since.elapsed() < self.lock_wait).then(|| POLL.mul_f64(0.5 + random()))
            }
            error if self.tries < TRIES && is_passing(error) => {
                self.tries += 1;
                Some(backoff(self.tries))
            }
            _ => None,
        };
        let Some(wait) = wait else {
            return Err(error);
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => Ok(()),
            () = self.stop.cancelled() => Err(error),
        }
    }
}

/// Whether trying again may help: somebody else was in the way, or the connection
/// broke. What is done is looked up first, so that a commit that was not answered
/// is no obstacle.
fn is_passing(error: &Error) -> bool {
    match error {
        Error::Failed { source, .. } | Error::Database(source) => matches!(
            source,
            db::Error::Conflict(_)
                | db::Error::Away(_)
                | db::Error::PoolBusy
                | db::Error::CommitUnknown(_)
        ),
        Error::InvalidIndex { .. } | Error::OldSnapshot { .. } => true,
        _ => false,
    }
}

/// Returns a wait below a bound that doubles with each try: full jitter, so that
/// those who met once do not meet again.
fn backoff(tries: u32) -> Duration {
    let doublings = tries.saturating_sub(2).min(8);
    let bound = FIRST_WAIT.saturating_mul(1 << doublings);
    bound.min(LONGEST_WAIT).mul_f64(random())
}

fn random() -> f64 {
    f64::from(Uuid::new_v4().as_bytes()[0]) / 255.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patience(lock_wait: Duration) -> Patience {
        Patience::new(lock_wait, CancellationToken::new())
    }

    #[test]
    fn waits_grow_and_are_bounded() {
        for tries in 2..40 {
            assert!(backoff(tries) <= LONGEST_WAIT);
        }
        assert!((0..99).all(|_| backoff(2) <= FIRST_WAIT));
        assert!((0..99).any(|_| backoff(6) > FIRST_WAIT));
    }

    #[tokio::test(start_paused = true)]
    async fn what_passes_is_tried_six_times_and_what_does_not_once() {
        let mut away = patience(Duration::ZERO);
        let passing = || Error::Database(db::Error::Away(None));
        for _ in 1..TRIES {
            away.after(passing()).await.unwrap();
        }
        assert!(away.after(passing()).await.is_err());
        away.renew();
        assert!(away.after(passing()).await.is_ok());
        let wrong = Error::Database(db::Error::Ended);
        assert!(patience(Duration::ZERO).after(wrong).await.is_err());
    }

    #[tokio::test]
    async fn a_lock_is_waited_for_as_long_as_it_may_and_not_at_the_end() {
        assert!(patience(Duration::ZERO).after(Error::Locked).await.is_err());
        let mut long = patience(Duration::from_secs(60));
        assert!(long.after(Error::Locked).await.is_ok());
        long.stop.cancel();
        assert!(long.after(Error::Locked).await.is_err());
    }
}
