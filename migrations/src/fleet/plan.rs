//! Who is worked on when: decided before anything runs.

use std::collections::BTreeSet;

use resido_proto::ids::TenantId;
use serde::Serialize;

use super::request::{Canary, Rollout, Tolerance};

/// A tenant that a run may be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// Which one.
    pub id: TenantId,
    /// Its number among advisory locks.
    #[serde(skip)]
    pub lock_no: i32,
    /// The version of its schema.
    pub version: i64,
}

/// Tenants that are done with before the next ones begin.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Wave {
    /// Who.
    pub tenants: Vec<Candidate>,
    /// Failures that halt the run in this wave.
    #[serde(skip)]
    pub(super) tolerance: Tolerance,
}

/// What a run is going to do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// The last file that is applied.
    pub target: i64,
    /// How many selected tenants are current already.
    pub current: u32,
    /// Tenants that are newer than the files: they are left alone.
    pub ahead: Vec<TenantId>,
    /// The others, the canary first.
    pub waves: Vec<Wave>,
}

impl Plan {
    /// Returns how many tenants are worked on.
    #[must_use]
    pub fn missing(&self) -> u32 {
        count(self.waves.iter().map(|wave| wave.tenants.len()).sum())
    }
}

pub(super) fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Splits tenants into waves.
pub(super) fn waves(mut tenants: Vec<Candidate>, rollout: &Rollout) -> Vec<Wave> {
    let mut waves = Vec::new();
    let canary = rollout
        .canary
        .as_ref()
        .map(|canary| take(&mut tenants, canary));
    if let Some(first) = canary.filter(|first| !first.is_empty()) {
        waves.push(Wave {
            tenants: first,
            tolerance: rollout.tolerance_of(0),
        });
    }
    let total = tenants.len();
    let mut rest = tenants.into_iter();
    let mut given = 0;
    for share in rollout.shares() {
        let until = share_of(total, share);
        let tenants: Vec<_> = rest.by_ref().take(until.saturating_sub(given)).collect();
        given = given.max(until);
        if !tenants.is_empty() {
            waves.push(Wave {
                tenants,
                tolerance: rollout.tolerance_of(1),
            });
        }
    }
    waves
}

fn take(tenants: &mut Vec<Candidate>, canary: &Canary) -> Vec<Candidate> {
    match canary {
        Canary::Count(number) => {
            let number = usize::try_from(*number).unwrap_or(usize::MAX);
            tenants.drain(..number.min(tenants.len())).collect()
        }
        Canary::Tenants(named) => {
            let named: BTreeSet<_> = named.iter().copied().collect();
            let (first, rest) = std::mem::take(tenants)
                .into_iter()
                .partition(|tenant| named.contains(&tenant.id));
            *tenants = rest;
            first
        }
    }
}

/// Returns so many of a hundred, at least one where there is any, and all of them
/// at a hundred.
fn share_of(total: usize, share: f64) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of a number of tenants is between zero and that number"
    )]
    let part = (total as f64 * share / 100.0).ceil() as usize;
    part.min(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenants(number: usize) -> Vec<Candidate> {
        let tenant = |lock_no| Candidate {
            id: TenantId::new(),
            lock_no: i32::try_from(lock_no).unwrap(),
            version: 1,
        };
        (0..number).map(tenant).collect()
    }

    fn sizes(tenants: Vec<Candidate>, rollout: &Rollout) -> Vec<usize> {
        let waves = waves(tenants, rollout);
        waves.iter().map(|wave| wave.tenants.len()).collect()
    }

    #[test]
    fn waves_take_their_share_and_the_last_one_the_rest() {
        let rollout = |waves: &[f64]| Rollout {
            waves: waves.to_vec(),
            ..Rollout::default()
        };
        for (number, shares, expected) in [
            (200, vec![1.0, 10.0, 100.0], vec![2, 18, 180]),
            (200, vec![1.0, 10.0], vec![2, 18, 180]),
            (3, vec![1.0, 10.0, 100.0], vec![1, 2]),
            (5, vec![], vec![5]),
            (0, vec![1.0], vec![]),
        ] {
            assert_eq!(sizes(tenants(number), &rollout(&shares)), expected);
        }
    }

    #[test]
    fn a_canary_comes_first_and_tolerates_nothing() {
        let all = tenants(10);
        let named = Rollout {
            canary: Some(Canary::Tenants(vec![all[7].id, all[3].id, TenantId::new()])),
            ..Rollout::default()
        };
        let planned = waves(all.clone(), &named);
        assert_eq!(planned[0].tenants, [all[3], all[7]]);
        assert_eq!(planned[0].tolerance, Tolerance::Count(1));
        assert_eq!(planned[1].tenants.len(), 8);
        assert_eq!(planned[1].tolerance, Tolerance::Percent(2.0));
        let counted = |number| Rollout {
            canary: Some(Canary::Count(number)),
            waves: vec![50.0],
            max_failures: Some(Tolerance::Count(3)),
        };
        assert_eq!(sizes(all.clone(), &counted(2)), [2, 4, 4]);
        assert_eq!(sizes(all.clone(), &counted(99)), [10]);
        assert!(
            waves(all, &counted(2))
                .iter()
                .all(|wave| wave.tolerance == Tolerance::Count(3))
        );
    }

    #[test]
    fn nobody_is_left_out_and_nobody_comes_twice() {
        for number in [1, 2, 7, 99, 100, 101] {
            for shares in [vec![], vec![0.1], vec![33.3, 66.6], vec![50.0, 20.0, 100.0]] {
                let all = tenants(number);
                let rollout = Rollout {
                    canary: Some(Canary::Count(1)),
                    waves: shares,
                    max_failures: None,
                };
                let planned = waves(all.clone(), &rollout);
                let flat: Vec<_> = planned.into_iter().flat_map(|wave| wave.tenants).collect();
                assert_eq!(flat, all);
            }
        }
    }
}
