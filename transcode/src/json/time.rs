//! Timestamps and durations as text.
//!
//! *Source*: RFC 3339 as `ProtoJSON` restricts it (upper-case `T` and `Z`, at
//! most nine digits of a second); `google/protobuf/{timestamp,duration}.proto`.

/// Seconds of 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z.
const SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
/// 10,000 years in seconds.
const MAX_DURATION_SECONDS: i64 = 315_576_000_000;
const NANOS_PER_SECOND: u32 = 1_000_000_000;

/// Reads a timestamp as seconds and nanoseconds since 1970.
pub(super) fn parse_timestamp(text: &str) -> Option<(i64, i32)> {
    let bytes = text.as_bytes();
    let mark = |at: usize, byte: u8| bytes.get(at) == Some(&byte);
    let date = mark(4, b'-') && mark(7, b'-') && mark(10, b'T');
    let time = mark(13, b':') && mark(16, b':');
    if !(text.is_ascii() && date && time) {
        return None;
    }
    let number = |from: usize, to: usize| digits(text.get(from..to)?);
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let fits = (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !fits {
        return None;
    }
    let (nanos, zone) = fraction(text.get(19..)?)?;
    let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second
        - offset_seconds(zone)?;
    SECONDS
        .contains(&seconds)
        .then_some((seconds, i32::try_from(nanos).ok()?))
}

/// Reads `Z` or `±HH:MM`.
fn offset_seconds(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let sign = match zone.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

/// Writes a timestamp with 0, 3, 6 or 9 digits of a second; `None` if it is out
/// of range.
pub(super) fn format_timestamp(seconds: i64, nanos: i32) -> Option<String> {
    let nanos = u32::try_from(nanos).ok()?;
    if !SECONDS.contains(&seconds) || nanos >= NANOS_PER_SECOND {
        return None;
    }
    let (year, month, day) = civil_from_days(seconds.div_euclid(86_400));
    let rest = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    let fraction = format_fraction(nanos);
    Some(format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z"
    ))
}

/// Reads a duration such as `-1.5s`.
pub(super) fn parse_duration(text: &str) -> Option<(i64, i32)> {
    let text = text.strip_suffix('s')?;
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let whole = text.split('.').next()?;
    let seconds = digits(whole)?;
    let (nanos, rest) = fraction(&text[whole.len()..])?;
    let nanos = i32::try_from(nanos).ok()?;
    if !rest.is_empty() || !duration_fits(seconds, nanos) {
        return None;
    }
    Some(if negative {
        (-seconds, -nanos)
    } else {
        (seconds, nanos)
    })
}

/// Writes a duration with 0, 3, 6 or 9 digits of a second; `None` if it is out
/// of range or its signs disagree.
pub(super) fn format_duration(seconds: i64, nanos: i32) -> Option<String> {
    let disagree = (seconds > 0 && nanos < 0) || (seconds < 0 && nanos > 0);
    if disagree || !duration_fits(seconds, nanos) {
        return None;
    }
    let sign = if seconds < 0 || nanos < 0 { "-" } else { "" };
    let fraction = format_fraction(nanos.unsigned_abs());
    Some(format!("{sign}{}{fraction}s", seconds.unsigned_abs()))
}

/// Whether a duration is within ±10,000 years.
fn duration_fits(seconds: i64, nanos: i32) -> bool {
    seconds.unsigned_abs() <= MAX_DURATION_SECONDS.unsigned_abs()
        && nanos.unsigned_abs() < NANOS_PER_SECOND
}

/// Reads up to nine digits after a point as nanoseconds, and returns the rest;
/// there may be none.
fn fraction(text: &str) -> Option<(u32, &str)> {
    let Some(rest) = text.strip_prefix('.') else {
        return Some((0, text));
    };
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let (digits, rest) = rest.split_at(end);
    if digits.is_empty() || digits.len() > 9 {
        return None;
    }
    let nanos = format!("{digits:0<9}").parse().ok()?;
    Some((nanos, rest))
}

/// Writes nanoseconds with as few groups of three digits as hold them.
fn format_fraction(nanos: u32) -> String {
    if nanos == 0 {
        String::new()
    } else if nanos.is_multiple_of(1_000_000) {
        format!(".{:03}", nanos / 1_000_000)
    } else if nanos.is_multiple_of(1000) {
        format!(".{:06}", nanos / 1000)
    } else {
        format!(".{nanos:09}")
    }
}

/// Reads digits alone, without a sign.
fn digits(text: &str) -> Option<i64> {
    let all_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| text.parse().ok()).flatten()
}

/// Days of a month.
fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01. Years are counted from March, so that the leap day is
/// the last of its year.
///
/// *Source*: Howard Hinnant, "chrono-compatible low-level date algorithms".
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The reverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn d1_timestamps_have_0_3_6_or_9_digits() {
        for (seconds, nanos, text) in [
            (0, 0, "1970-01-01T00:00:00Z"),
            (-1, 0, "1969-12-31T23:59:59Z"),
            (1_709_164_800, 10_000_000, "2024-02-29T00:00:00.010Z"),
            (1, 1000, "1970-01-01T00:00:01.000001Z"),
            (1, 1, "1970-01-01T00:00:01.000000001Z"),
            (-62_135_596_800, 0, "0001-01-01T00:00:00Z"),
            (
                253_402_300_799,
                999_999_999,
                "9999-12-31T23:59:59.999999999Z",
            ),
        ] {
            assert_eq!(format_timestamp(seconds, nanos).unwrap(), text);
            assert_eq!(parse_timestamp(text), Some((seconds, nanos)), "{text}");
        }
        for (seconds, nanos) in [
            (-62_135_596_801, 0),
            (253_402_300_800, 0),
            (0, -1),
            (0, 1_000_000_000),
            (i64::MAX, 0),
        ] {
            assert_eq!(format_timestamp(seconds, nanos), None);
        }
    }

    #[test]
    fn c3_timestamps_are_rfc_3339() {
        assert_eq!(parse_timestamp("1970-01-01T01:00:00+01:00"), Some((0, 0)));
        assert_eq!(
            parse_timestamp("1969-12-31T23:30:00.5-00:30"),
            Some((0, 500_000_000))
        );
        for text in [
            "",
            "1970-01-01",
            "1970-01-01T00:00:00",
            "1970-01-01t00:00:00Z",
            "1970-01-01T00:00:00z",
            "1970-01-01 00:00:00Z",
            "1970-1-1T00:00:00Z",
            "1970-02-29T00:00:00Z",
            "1970-13-01T00:00:00Z",
            "1970-00-01T00:00:00Z",
            "1970-01-01T24:00:00Z",
            "1970-01-01T00:00:60Z",
            "1970-01-01T00:00:00.Z",
            "1970-01-01T00:00:00.1234567890Z",
            "1970-01-01T00:00:00+0100",
            "1970-01-01T00:00:00+24:00",
            "0000-01-01T00:00:00Z",
            "0001-01-01T00:00:00+00:01",
            "+970-01-01T00:00:00Z",
            "1970-01-01T00:00:00Zx",
            "1970-01-0\u{661}T00:00:00Z",
        ] {
            assert_eq!(parse_timestamp(text), None, "{text}");
        }
    }

    #[test]
    fn c3_durations_end_in_s() {
        for (seconds, nanos, text) in [
            (0, 0, "0s"),
            (1, 500_000_000, "1.500s"),
            (0, -500_000_000, "-0.500s"),
            (-3, -1, "-3.000000001s"),
            (315_576_000_000, 0, "315576000000s"),
        ] {
            assert_eq!(format_duration(seconds, nanos).unwrap(), text);
            assert_eq!(parse_duration(text), Some((seconds, nanos)), "{text}");
        }
        assert_eq!(parse_duration("1.5s"), Some((1, 500_000_000)));
        for text in [
            "",
            "s",
            "1",
            "1.s",
            ".5s",
            "1.5",
            "+1s",
            "--1s",
            "1e3s",
            "1 s",
            "315576000001s",
            "1.0000000001s",
            "1.5.5s",
        ] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
        for (seconds, nanos) in [(1, -1), (-1, 1), (315_576_000_001, 0), (0, 1_000_000_000)] {
            assert_eq!(format_duration(seconds, nanos), None);
        }
        assert_eq!(format_duration(i64::MIN, i32::MIN), None);
    }

    proptest! {
        #[test]
        fn every_timestamp_comes_back(seconds in SECONDS, nanos in 0..1_000_000_000_i32) {
            let text = format_timestamp(seconds, nanos).unwrap();
            prop_assert_eq!(parse_timestamp(&text), Some((seconds, nanos)));
        }

        #[test]
        fn no_text_makes_it_fall(text in "\\PC{0,40}") {
            prop_assert!(parse_timestamp(&text).is_none_or(|(_, nanos)| nanos >= 0));
            prop_assert!(parse_duration(&text).is_none_or(|(seconds, _)| seconds.abs() < i64::MAX));
        }
    }
}
