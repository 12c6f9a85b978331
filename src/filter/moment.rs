//! Moments and days in text.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::{Date, Month, OffsetDateTime, format_description::well_known::Rfc3339};

/// Reads an RFC 3339 moment, cut to microseconds, the precision of the database.
#[must_use]
pub fn time(text: &str) -> Option<SystemTime> {
    let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    let micros = moment.unix_timestamp_nanos().div_euclid(1000);
    let distance = Duration::from_micros(u64::try_from(micros.unsigned_abs()).ok()?);
    if micros < 0 {
        UNIX_EPOCH.checked_sub(distance)
    } else {
        UNIX_EPOCH.checked_add(distance)
    }
}

/// Reads a day, `YYYY-MM-DD` in the years 1 to 9999, and returns its text.
#[must_use]
pub fn date(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let shape = bytes.len() == 10
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    shape.then_some(())?;
    let year = text[..4].parse().ok().filter(|year| *year > 0)?;
    let month = Month::try_from(text[5..7].parse::<u8>().ok()?).ok()?;
    Date::from_calendar_date(year, month, text[8..].parse().ok()?).ok()?;
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_any_offset_and_cut_to_microseconds() {
        let micros = |text| {
            time(text).map(|time| match time.duration_since(UNIX_EPOCH) {
                Ok(after) => i128::try_from(after.as_nanos()).unwrap(),
                Err(before) => -i128::try_from(before.duration().as_nanos()).unwrap(),
            })
        };
        for (text, nanos) in [
            ("1970-01-01T00:00:01Z", Some(1_000_000_000)),
            ("1970-01-01T01:00:00+01:00", Some(0)),
            ("1970-01-01T00:00:00.123456789Z", Some(123_456_000)),
            ("1969-12-31T23:59:59.9999999Z", Some(-1000)),
            ("1970-01-01", None),
            ("1970-02-30T00:00:00Z", None),
            ("1970-01-01T00:00:00", None),
            ("99999-01-01T00:00:00Z", None),
            ("now", None),
            ("", None),
        ] {
            assert_eq!(micros(text), nanos, "{text}");
        }
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        for text in ["2026-01-01", "2024-02-29", "0001-01-01", "9999-12-31"] {
            assert_eq!(date(text).as_deref(), Some(text));
        }
        for text in [
            "2026-02-29",
            "0000-01-01",
            "2026-13-01",
            "2026-1-01",
            "+026-01-01",
            "2026-01-01T",
            "2026/01/01",
            "20é-01-01",
            "",
        ] {
            assert_eq!(date(text), None, "{text}");
        }
    }
}
