//! How often a server that ends by itself is started again.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// Starts within [`WITHIN`] at most; one more end is the product's end.
const MOST: usize = 5;
const WITHIN: Duration = Duration::from_secs(5 * 60);
/// Pause before the first start; each further one is four times as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Remembers the starts of the last minutes.
#[derive(Debug, Default)]
pub(super) struct Restarts {
    recent: VecDeque<Instant>,
}

impl Restarts {
    /// Returns how long to wait before the next start, which is counted; nothing
    /// if there have been too many.
    pub(super) fn next(&mut self, now: Instant) -> Option<Duration> {
        while self
            .recent
            .front()
            .is_some_and(|start| now.duration_since(*start) >= WITHIN)
        {
            self.recent.pop_front();
        }
        if self.recent.len() >= MOST {
            return None;
        }
        let mut pause = FIRST_PAUSE;
        for _ in &self.recent {
            pause = LONGEST_PAUSE.min(pause * 4);
        }
        self.recent.push_back(now);
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_until_it_is_given_up_and_time_heals() {
        let (mut restarts, start) = (Restarts::default(), Instant::now());
        let pauses: Vec<_> = (0..5).map_while(|_| restarts.next(start)).collect();
        let millis: Vec<_> = pauses.iter().map(Duration::as_millis).collect();
        assert_eq!(millis, [200, 800, 3200, 10_000, 10_000]);
        assert_eq!(restarts.next(start), None);
        assert_eq!(restarts.next(start + WITHIN - Duration::from_secs(1)), None);
        assert_eq!(restarts.next(start + WITHIN), Some(FIRST_PAUSE));
    }
}
