//! Random choices that can be made again from their seed.

use std::{cell::Cell, time::Duration};

use uuid::Uuid;

/// Makes random choices.
///
/// A failing test prints the seed; building with `RESIDO_E2E_SEED=<seed>` in the
/// environment makes the same choices once more.
#[derive(Debug)]
pub struct Dice {
    seed: u64,
    state: Cell<u64>,
}

impl Dice {
    /// Makes new dice.
    #[must_use]
    pub fn new() -> Self {
        let fixed = option_env!("RESIDO_E2E_SEED").and_then(|seed| seed.parse().ok());
        Self::seeded(fixed.unwrap_or_else(|| Uuid::new_v4().as_u64_pair().0))
    }

    /// Makes the choices of a seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        let state = Cell::new(seed);
        Self { seed, state }
    }

    /// Returns the seed.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Returns a number below `bound`.
    pub fn below(&self, bound: u64) -> u64 {
        // SplitMix64: one multiplication-and-shift chain per number.
        let state = self.state.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.state.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }

    /// Returns a time below `bound`, in steps of microseconds.
    pub fn micros(&self, bound: u64) -> Duration {
        Duration::from_micros(self.below(bound))
    }
}

impl Default for Dice {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Dice {
    #[expect(clippy::print_stderr, reason = "a failing test says how to repeat it")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("repeat with RESIDO_E2E_SEED={}", self.seed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Dice;

    #[test]
    fn a_seed_makes_the_same_choices_again() {
        let (one, two) = (Dice::seeded(7), Dice::seeded(7));
        let roll = |dice: &Dice| (0..20).map(|_| dice.below(6)).collect::<Vec<_>>();
        assert_eq!(roll(&one), roll(&two));
        assert!(roll(&one).iter().all(|number| *number < 6));
    }
}
