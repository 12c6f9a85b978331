//! Days of the calendar.

use std::ops::RangeInclusive;

use resido_proto::{error::Violation, filter, google::r#type::Date};

/// Years that a day may be in.
const YEARS: RangeInclusive<i32> = 1900..=2200;

/// A day that exists, as `YYYY-MM-DD`; earlier ones come first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Day(String);

impl Day {
    /// Reads a day.
    ///
    /// # Errors
    /// One violation of `field`.
    pub(super) fn parse(field: &'static str, date: &Date) -> Result<Self, Vec<Violation>> {
        let Date { year, month, day } = date;
        let real = filter::date(&format!("{year:04}-{month:02}-{day:02}"));
        real.filter(|_| YEARS.contains(year))
            .map(Self)
            .ok_or_else(|| {
                let fault = "must be a day of the years 1900 to 2200";
                vec![Violation::new(field, fault)]
            })
    }

    /// Takes a day that was stored.
    pub(super) fn stored(text: String) -> Self {
        Self(text)
    }

    /// Returns it as `YYYY-MM-DD`.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Day> for Date {
    fn from(day: Day) -> Self {
        let mut parts = day
            .0
            .split('-')
            .map(|part| part.parse().unwrap_or_default());
        let mut next = || parts.next().unwrap_or_default();
        Self {
            year: next(),
            month: next(),
            day: next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_one_that_exists() {
        for (year, month, day) in [(2024, 2, 29), (1900, 1, 1), (2200, 12, 31)] {
            let date = Date { year, month, day };
            let read = Day::parse("lease.start_date", &date).unwrap();
            assert_eq!(Date::from(read), date);
        }
        for (year, month, day) in [
            (2023, 2, 29),
            (2026, 13, 1),
            (2026, 0, 1),
            (2026, 1, 0),
            (2026, 4, 31),
            (2026, -1, 1),
            (1899, 12, 31),
            (2201, 1, 1),
            (0, 1, 1),
            (-2026, 1, 1),
            (i32::MAX, i32::MAX, i32::MIN),
        ] {
            let faults = Day::parse("lease.start_date", &Date { year, month, day });
            assert_eq!(faults.unwrap_err()[0].field, "lease.start_date");
        }
    }

    #[test]
    fn days_are_in_order() {
        let day = |text: &str| Day::stored(text.to_owned());
        assert!(day("1999-12-31") < day("2000-01-01"));
        assert!(day("2026-09-30") < day("2026-10-01"));
    }
}
