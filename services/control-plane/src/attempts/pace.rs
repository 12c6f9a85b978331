//! How many calls come from one place within a minute, counted in memory: to refuse
//! one costs no database.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::{Error, origin::Origin};

/// How long calls are counted together.
const WINDOW: Duration = Duration::from_secs(60);
/// Places that are told apart within a minute; further ones share one count.
const MAX_ORIGINS: usize = 65_536;

/// Counts calls of one kind; clones share the counts.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    most: u32,
    window: Arc<Mutex<Window>>,
}

#[derive(Debug)]
struct Window {
    began: Instant,
    /// None for all the places that found no room.
    counts: HashMap<Option<Origin>, u32>,
}

impl Pace {
    /// Lets so many calls through a minute from each place.
    pub(super) fn new(most: u32) -> Self {
        let window = Window {
            began: Instant::now(),
            counts: HashMap::new(),
        };
        Self {
            most,
            window: Arc::new(Mutex::new(window)),
        }
    }

    /// Counts a call; one of which it is not known where it comes from is free.
    ///
    /// # Errors
    /// [`Error::RateLimited`] if there were too many.
    pub(super) fn admit(&self, client: Option<IpAddr>) -> Result<(), Error> {
        let Some(client) = client else {
            return Ok(());
        };
        let wait = self.count(client.into(), Instant::now());
        wait.map_or(Ok(()), |wait| {
            Err(Error::RateLimited("calls from this address", wait))
        })
    }

    /// Returns how long to wait, if there were too many.
    fn count(&self, origin: Origin, now: Instant) -> Option<Duration> {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(window.began) >= WINDOW {
            window.began = now;
            window.counts.clear();
        }
        let left = (window.began + WINDOW).saturating_duration_since(now);
        let is_full = window.counts.len() >= MAX_ORIGINS;
        let known = !is_full || window.counts.contains_key(&Some(origin));
        let count = window.counts.entry(known.then_some(origin)).or_default();
        *count = count.saturating_add(1);
        (*count > self.most).then_some(left)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn origin(number: u32) -> Origin {
        IpAddr::from(Ipv4Addr::from_bits(number)).into()
    }

    #[test]
    fn each_place_has_so_many_calls_a_minute() {
        let pace = Pace::new(2);
        let now = Instant::now();
        let count = |from, seconds| pace.count(origin(from), now + Duration::from_secs(seconds));
        assert_eq!((count(1, 0), count(1, 10)), (None, None));
        let wait = count(1, 20).unwrap().as_secs_f64();
        assert!((39.0..=40.0).contains(&wait), "{wait}");
        assert_eq!(count(2, 20), None);
        assert_eq!(count(1, 61), None);
    }

    #[test]
    fn places_without_number_take_no_memory_without_bound() {
        let pace = Pace::new(2);
        let now = Instant::now();
        let places = u32::try_from(MAX_ORIGINS).unwrap();
        for from in 0..places {
            assert_eq!(pace.count(origin(from), now), None);
        }
        // Those who came in time have their own count still.
        let late = [places, places + 1, places + 2, 0].map(|from| pace.count(origin(from), now));
        assert_eq!(late.map(|wait| wait.is_some()), [false, false, true, false]);
        let window = pace.window.lock().unwrap();
        assert_eq!(window.counts.len(), MAX_ORIGINS + 1);
    }

    #[test]
    fn nobody_knows_where_is_free() {
        let pace = Pace::new(1);
        let here = Some([192, 0, 2, 1].into());
        assert!(pace.admit(here).is_ok());
        assert!(matches!(pace.admit(here), Err(Error::RateLimited(..))));
        assert!(pace.admit(None).is_ok() && pace.admit(None).is_ok());
    }
}
