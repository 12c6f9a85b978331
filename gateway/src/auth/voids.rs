//! Which remembered answers about API keys are void.
//!
//! Answers and changes are numbered by one clock: an answer that was asked for
//! before its key changed is void, even if it arrives after the news.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

use tokio::sync::watch;
use uuid::Uuid;

/// Keys whose changes are told apart at most; beyond, everything is void.
const MAX_MARKS: usize = 10_000;

/// What has changed. Holds numbers alone, and no key.
#[derive(Debug, Default)]
pub(super) struct Voids {
    marks: RwLock<Marks>,
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Marks {
    clock: u64,
    /// Everything that was asked for before is void.
    floor: u64,
    by_key: HashMap<Uuid, u64>,
}

impl Voids {
    /// Returns the time now, for an answer that is about to be asked for.
    pub(super) fn clock(&self) -> u64 {
        let marks = self.marks.read().unwrap_or_else(PoisonError::into_inner);
        marks.clock
    }

    /// Whether an answer about a key, asked for at `asked`, is void.
    pub(super) fn is_void(&self, key: Uuid, asked: u64) -> bool {
        let marks = self.marks.read().unwrap_or_else(PoisonError::into_inner);
        asked < marks.floor || marks.by_key.get(&key).is_some_and(|mark| asked < *mark)
    }

    /// Makes what is known of a key void.
    pub(super) fn void(&self, key: Uuid) {
        self.mark(|marks| {
            if marks.by_key.len() >= MAX_MARKS {
                marks.floor = marks.clock;
                marks.by_key.clear();
            }
            marks.by_key.insert(key, marks.clock);
        });
    }

    /// Makes everything void.
    pub(super) fn void_all(&self) {
        self.mark(|marks| {
            marks.floor = marks.clock;
            marks.by_key.clear();
        });
    }

    /// Tells of changes.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn mark(&self, change: impl FnOnce(&mut Marks)) {
        let mut marks = self.marks.write().unwrap_or_else(PoisonError::into_inner);
        marks.clock += 1;
        change(&mut marks);
        let clock = marks.clock;
        drop(marks);
        self.changes.send_replace(clock);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_void_if_its_key_changed_since_it_was_asked_for() {
        let voids = Voids::default();
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let before = voids.clock();
        voids.void(one);
        let after = voids.clock();
        assert!(voids.is_void(one, before) && !voids.is_void(one, after));
        assert!(!voids.is_void(other, before));
        voids.void_all();
        assert!(voids.is_void(one, after) && voids.is_void(other, after));
        assert!(!voids.is_void(other, voids.clock()));
    }

    #[test]
    fn too_many_changes_make_everything_void() {
        let voids = Voids::default();
        let first = Uuid::from_u128(0);
        let before = voids.clock();
        for key in 0..u128::try_from(MAX_MARKS).unwrap() {
            voids.void(Uuid::from_u128(key));
        }
        let unmarked = Uuid::from_u128(u128::MAX);
        assert!(!voids.is_void(unmarked, before));
        voids.void(Uuid::from_u128(u128::MAX - 1));
        assert!(voids.is_void(unmarked, before) && voids.is_void(first, before));
        assert!(voids.marks.read().unwrap().by_key.len() <= MAX_MARKS);
    }
}
