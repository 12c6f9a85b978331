//! What is asked of a run.

use std::{str::FromStr, time::Duration};

use resido_proto::ids::{MigrationRunId, TenantId};
use serde::{Deserialize, Serialize};

use crate::Order;

/// Percentages of the waves after a canary, where only a canary is named.
const AFTER_CANARY: [f64; 1] = [100.0];

/// A run to be made.
#[derive(Debug, Clone)]
pub struct Request {
    /// What is done.
    pub task: Task,
    /// Which tenants.
    pub selection: Selection,
    /// In what order, and when it halts.
    pub rollout: Rollout,
    /// How fast.
    pub pace: Pace,
    /// Who asked, as `users/<uuid>` or a name of the program's own.
    pub actor: String,
}

impl Request {
    /// Returns a request for everything that is missing, of everybody at once.
    #[must_use]
    pub fn of(actor: &str) -> Self {
        Self {
            task: Task::default(),
            selection: Selection::default(),
            rollout: Rollout::default(),
            pace: Pace::default(),
            actor: actor.to_owned(),
        }
    }
}

/// What a run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Task {
    /// Applies what is missing.
    #[default]
    Up,
    /// Applies what is missing and undoes it at once, to see whether it would go
    /// well and how long it takes.
    Rehearse,
    /// Goes on with a run that was halted, interrupted or abandoned.
    Resume(MigrationRunId),
    /// Tries those again that failed in a run.
    Retry(MigrationRunId),
    /// Undoes what a run applied, in the tenants that it changed.
    Rollback(MigrationRunId),
}

/// Which tenants; all in service by default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Selection {
    /// These alone; all if empty.
    pub tenants: Vec<TenantId>,
    /// Not these.
    pub exclude: Vec<TenantId>,
    /// Those that a filter lets through, as of AIP-160: `plan = "free"`.
    pub filter: String,
    /// No more than so many.
    pub limit: Option<u32>,
    /// Up to this file; the last by default.
    pub to: Option<i64>,
    /// Whether older files may be applied after newer ones.
    #[serde(default)]
    pub order: Order,
}

/// Who comes first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Canary {
    /// So many of the selected ones.
    Count(u32),
    /// These.
    Tenants(Vec<TenantId>),
}

/// How many failures are too many.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Tolerance {
    /// So many, at least one.
    Count(u32),
    /// More than so many in a hundred of the run, and more than one.
    Percent(f64),
}

/// In what order tenants are worked on, and when the run halts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Rollout {
    /// Those that come first; the first failure among them halts the run, unless
    /// `max_failures` says otherwise.
    pub canary: Option<Canary>,
    /// How much of the rest is done with after each wave, in percent, ascending;
    /// everything at once if empty.
    pub waves: Vec<f64>,
    /// Failures that halt the run: one among the canary and more than 2 % of the
    /// run after it by default.
    pub max_failures: Option<Tolerance>,
}

/// How fast a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Tenants at once; at least one.
    pub concurrency: u16,
    /// Time of one tenant at most.
    pub timeout: Duration,
    /// How long another process's work on a tenant is waited for.
    pub lock_wait: Duration,
}

impl Rollout {
    /// Returns the shares of the tenants after the canary, the last one whole.
    pub(super) fn shares(&self) -> Vec<f64> {
        let mut shares = self.waves.clone();
        if shares.last().is_none_or(|last| *last < 100.0) {
            shares.extend(AFTER_CANARY);
        }
        shares
    }

    /// Returns the failures that halt the run in a wave: the first one is that of
    /// the canary, if there is a canary.
    pub(super) fn tolerance_of(&self, wave: i16) -> Tolerance {
        let is_canary = wave == 0 && self.canary.is_some();
        self.max_failures.unwrap_or(if is_canary {
            Tolerance::Count(1)
        } else {
            Tolerance::Percent(2.0)
        })
    }
}

impl Default for Pace {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            concurrency: u16::try_from(cores * 2).unwrap_or(8).min(8),
            timeout: Duration::from_secs(300),
            lock_wait: Duration::from_secs(60),
        }
    }
}

impl Tolerance {
    /// Whether so many failures among so many tenants are too many. A share of a
    /// few tenants is no share: one failure alone is never too many of it.
    pub(super) fn is_reached(self, failed: u32, total: u32) -> bool {
        match self {
            Self::Count(most) => failed >= most.max(1),
            Self::Percent(share) => {
                failed > 1 && f64::from(failed) * 100.0 > share * f64::from(total)
            }
        }
    }
}

impl FromStr for Tolerance {
    type Err = &'static str;

    /// Reads `5` or `2%`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "takes a number, as `5`, or a share, as `2%`";
        match text.strip_suffix('%') {
            Some(share) => percent(share).map(Self::Percent).ok_or(WRONG),
            None => text.parse().map(Self::Count).map_err(|_| WRONG),
        }
    }
}

/// Reads a number from 0 to 100.
pub(super) fn percent(text: &str) -> Option<f64> {
    let number: f64 = text.trim().parse().ok()?;
    (0.0..=100.0).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tolerance_is_a_number_or_a_share() {
        assert_eq!("5".parse(), Ok(Tolerance::Count(5)));
        assert_eq!("2.5%".parse(), Ok(Tolerance::Percent(2.5)));
        for wrong in ["", "%", "-1", "101%", "many"] {
            assert!(wrong.parse::<Tolerance>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_share_of_a_few_tenants_lets_one_of_them_fail() {
        let two = Tolerance::Percent(2.0);
        for (failed, total, reached) in [
            (1, 2, false),
            (2, 3, true),
            (20, 2000, false),
            (40, 2000, false),
            (41, 2000, true),
        ] {
            assert_eq!(
                two.is_reached(failed, total),
                reached,
                "{failed} of {total}"
            );
        }
        assert!(Tolerance::Count(0).is_reached(1, 10));
        assert!(!Tolerance::Count(3).is_reached(2, 10));
        assert!(Tolerance::Count(3).is_reached(3, 10));
    }
}
