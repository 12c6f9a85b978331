//! Places for calls that need a password hash, shared out fairly.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{Error, origin::Origin};

type Held = Arc<Mutex<HashMap<Origin, usize>>>;

/// A bounded number of places. One origin gets those at work and a quarter of those
/// that wait at most, so that a storm from one leaves room for the others.
#[derive(Debug, Clone)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    /// Entries are removed with their last place: there are no more than places.
    held: Held,
    most: usize,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    origin: Option<(Origin, Held)>,
    _permit: OwnedSemaphorePermit,
}

impl Places {
    pub(super) fn new(at_once: usize, waiting: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(at_once + waiting)),
            held: Held::default(),
            most: at_once + waiting / 4,
        }
    }

    /// Takes a place, without waiting for one.
    pub(super) fn take(&self, client: Option<IpAddr>) -> Result<Place, Error> {
        let permit = Arc::clone(&self.free).try_acquire_owned();
        let permit = permit.map_err(|_| Error::LoginBusy)?;
        let origin = client.map(Origin::from);
        if let Some(origin) = origin {
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            let count = held.entry(origin).or_default();
            if *count >= self.most {
                return Err(Error::LoginBusy);
            }
            *count += 1;
        }
        Ok(Place {
            origin: origin.map(|origin| (origin, Arc::clone(&self.held))),
            _permit: permit,
        })
    }

    /// Returns how many places are free.
    #[cfg(test)]
    pub(super) fn available(&self) -> usize {
        self.free.available_permits()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((origin, held)) = self.origin.take() else {
            return;
        };
        let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&origin) {
            *count -= 1;
            if *count == 0 {
                held.remove(&origin);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_origin_leaves_room_for_others() {
        let places = Places::new(2, 8);
        let (loud, other) = (Some([192, 0, 2, 1].into()), Some([192, 0, 2, 2].into()));
        let taken: Vec<_> = std::iter::from_fn(|| places.take(loud).ok()).collect();
        assert_eq!(taken.len(), 4);
        assert!(places.take(other).is_ok());
        drop(taken);
        assert!(places.take(loud).is_ok());
        assert!(places.held.lock().unwrap().is_empty());
    }

    #[test]
    fn places_are_bounded_wherever_the_calls_come_from() {
        let places = Places::new(1, 2);
        let taken: Vec<_> = std::iter::from_fn(|| places.take(None).ok()).collect();
        assert_eq!(taken.len(), 3);
        assert!(places.take(Some([192, 0, 2, 1].into())).is_err());
        drop(taken);
        assert_eq!(places.available(), 3);
    }
}
