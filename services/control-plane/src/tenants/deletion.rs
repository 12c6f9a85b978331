//! What is asked of a deletion: for how long the tenant can be restored, and
//! whether the caller knows what it is about to lose.

use std::time::Duration;

use resido_proto::{error::Violation, validate::Checks};

use super::model::Tenant;
use crate::Error;

/// How long a tenant can be restored where nobody says.
const DEFAULT_GRACE: Duration = Duration::from_secs(30 * 24 * 3600);
/// The longest that can be asked for.
const MAX_GRACE: Duration = Duration::from_secs(365 * 24 * 3600);

/// What a caller asks of a deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Deletion {
    pub(super) grace: Duration,
    etag: String,
    confirm: String,
}

impl Deletion {
    /// Reads the conditions of a deletion.
    ///
    /// # Errors
    /// Violations of `grace` and `confirm`.
    pub(super) fn parse(
        grace: Option<prost_types::Duration>,
        etag: String,
        confirm: String,
    ) -> Result<Self, Vec<Violation>> {
        let mut checks = Checks::default();
        let grace = match grace {
            None => Some(DEFAULT_GRACE),
            Some(sent) => checks.take(self::grace(sent)),
        };
        let confirmed = grace != Some(Duration::ZERO) || !confirm.is_empty();
        checks.require(confirmed, "confirm", "is required where the grace is zero");
        let grace = checks.finish_with(grace)?;
        Ok(Self {
            grace,
            etag,
            confirm,
        })
    }

    /// Makes sure that this is the tenant the caller means. A slug that came
    /// without need must be right as well.
    ///
    /// # Errors
    /// [`Error::EtagMismatch`], or a violation of `confirm`.
    pub(super) fn check(&self, tenant: &Tenant) -> Result<(), Error> {
        tenant.check_etag(&self.etag)?;
        if self.confirm.is_empty() || self.confirm == tenant.slug {
            return Ok(());
        }
        let fault = Violation::new("confirm", "is not the slug of the tenant");
        Err(Error::Invalid(vec![fault]))
    }
}

fn grace(sent: prost_types::Duration) -> Result<Duration, Vec<Violation>> {
    let seconds = u64::try_from(sent.seconds).ok();
    let nanos = u32::try_from(sent.nanos)
        .ok()
        .filter(|nanos| *nanos < 1_000_000_000);
    seconds
        .zip(nanos)
        .map(|(seconds, nanos)| Duration::new(seconds, nanos))
        .filter(|grace| *grace <= MAX_GRACE)
        .ok_or_else(|| vec![Violation::new("grace", "must be from 0 to 365 days")])
}

#[cfg(test)]
mod tests {
    use resido_tenancy::tenant::State;

    use super::*;

    fn parse(grace: Option<(i64, i32)>, confirm: &str) -> Result<Deletion, Vec<Violation>> {
        let grace = grace.map(|(seconds, nanos)| prost_types::Duration { seconds, nanos });
        Deletion::parse(grace, String::new(), confirm.into())
    }

    #[test]
    fn a_tenant_can_be_restored_for_a_month_unless_somebody_says_otherwise() {
        let month = Duration::from_secs(2_592_000);
        assert_eq!(parse(None, "").unwrap().grace, month);
        for (sent, grace) in [
            ((1, 0), Duration::from_secs(1)),
            ((0, 1), Duration::from_nanos(1)),
            ((31_536_000, 0), MAX_GRACE),
        ] {
            assert_eq!(parse(Some(sent), "").unwrap().grace, grace);
        }
        for wrong in [
            (-1, 0),
            (0, -1),
            (0, 1_000_000_000),
            (31_536_000, 1),
            (i64::MAX, 0),
            (i64::MIN, 0),
        ] {
            let faults = parse(Some(wrong), "").unwrap_err();
            assert_eq!((faults.len(), &*faults[0].field), (1, "grace"), "{wrong:?}");
        }
    }

    #[test]
    fn no_grace_needs_the_slug() {
        assert_eq!(parse(Some((0, 0)), "").unwrap_err()[0].field, "confirm");
        let tenant = Tenant::sample(State::Active);
        for grace in [Some((0, 0)), None] {
            assert!(parse(grace, "acme").unwrap().check(&tenant).is_ok());
            let other = parse(grace, "globex").unwrap().check(&tenant);
            let Err(Error::Invalid(faults)) = other else {
                panic!("{other:?}")
            };
            assert_eq!(faults[0].field, "confirm");
        }
    }

    #[test]
    fn an_etag_names_what_is_to_be_deleted() {
        let tenant = Tenant::sample(State::Active);
        let check = |etag: &str| {
            let asked = Deletion::parse(None, etag.into(), String::new());
            asked.unwrap().check(&tenant)
        };
        assert!(check("r1").is_ok());
        assert!(matches!(check("r2"), Err(Error::EtagMismatch)));
    }
}
