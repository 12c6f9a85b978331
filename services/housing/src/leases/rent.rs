//! Rents: amounts of money that fit into hundredths.

use resido_proto::{error::Violation, google::r#type::Money, validate::Checks};

/// Whole units of the currency at most.
const MAX_UNITS: i64 = 1_000_000_000;
/// Nanos of a hundredth.
const NANOS: i32 = 10_000_000;

/// A sum that is not negative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rent {
    /// Three capital letters, ISO 4217.
    pub(super) currency: String,
    /// Hundredths of the currency.
    pub(super) minor: i64,
}

impl Rent {
    /// Reads a rent; one without a currency is none.
    ///
    /// # Errors
    /// Every fault, with paths below `lease.monthly_rent`.
    pub(super) fn parse(money: Option<Money>) -> Result<Self, Vec<Violation>> {
        let Some(money) = money else {
            return Err(vec![Violation::new("lease.monthly_rent", "is required")]);
        };
        let mut checks = Checks::default();
        let letters = money.currency_code.as_bytes();
        checks.require(
            letters.len() == 3 && letters.iter().all(u8::is_ascii_uppercase),
            "lease.monthly_rent.currency_code",
            "must be three capital letters of ISO 4217",
        );
        checks.require(
            (0..=MAX_UNITS).contains(&money.units),
            "lease.monthly_rent.units",
            "must be from 0 to 1,000,000,000",
        );
        checks.require(
            (0..100 * NANOS).contains(&money.nanos) && money.nanos % NANOS == 0,
            "lease.monthly_rent.nanos",
            "must be whole hundredths, from 0 to 990,000,000",
        );
        checks.finish()?;
        Ok(Self {
            currency: money.currency_code,
            minor: money.units * 100 + i64::from(money.nanos / NANOS),
        })
    }
}

impl From<Rent> for Money {
    fn from(rent: Rent) -> Self {
        let hundredths = i32::try_from(rent.minor % 100).unwrap_or_default();
        Self {
            currency_code: rent.currency,
            units: rent.minor / 100,
            nanos: hundredths * NANOS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(currency: &str, units: i64, nanos: i32) -> Money {
        Money {
            currency_code: currency.into(),
            units,
            nanos,
        }
    }

    #[test]
    fn a_rent_comes_back_as_it_was_sent() {
        for (units, nanos) in [(0, 0), (1200, 500_000_000), (1_000_000_000, 990_000_000)] {
            let sent = money("EUR", units, nanos);
            let rent = Rent::parse(Some(sent.clone())).unwrap();
            assert_eq!(Money::from(rent), sent);
        }
        let rent = Rent::parse(Some(money("CHF", 12, 340_000_000))).unwrap();
        assert_eq!(rent.minor, 1234);
    }

    #[test]
    fn what_is_no_rent_is_refused() {
        for (money, fields) in [
            (None, vec!["lease.monthly_rent"]),
            (
                Some(money("", 1, 0)),
                vec!["lease.monthly_rent.currency_code"],
            ),
            (
                Some(money("eur", 1, 0)),
                vec!["lease.monthly_rent.currency_code"],
            ),
            (
                Some(money("EURO", 1, 0)),
                vec!["lease.monthly_rent.currency_code"],
            ),
            (Some(money("EUR", -1, 0)), vec!["lease.monthly_rent.units"]),
            (
                Some(money("EUR", i64::MAX, 0)),
                vec!["lease.monthly_rent.units"],
            ),
            (
                Some(money("EUR", 0, -10_000_000)),
                vec!["lease.monthly_rent.nanos"],
            ),
            (
                Some(money("EUR", 0, 5_000_000)),
                vec!["lease.monthly_rent.nanos"],
            ),
            (
                Some(money("EUR", 0, 1_000_000_000)),
                vec!["lease.monthly_rent.nanos"],
            ),
            (
                Some(money("€", i64::MIN, i32::MIN)),
                vec![
                    "lease.monthly_rent.currency_code",
                    "lease.monthly_rent.units",
                    "lease.monthly_rent.nanos",
                ],
            ),
        ] {
            let faults = Rent::parse(money.clone()).unwrap_err();
            let found: Vec<_> = faults.into_iter().map(|fault| fault.field).collect();
            assert_eq!(found, fields, "{money:?}");
        }
    }
}
