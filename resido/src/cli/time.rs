//! Times on the command line.

use std::time::Duration;

/// Reads a time as `30s`, `500ms`, `2m`, or a bare number of milliseconds, which
/// is how the variable was read before.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number
        .parse()
        .map_err(|_| "expected a number and a unit".to_owned())?;
    let milliseconds = match unit {
        "" | "ms" => Some(number),
        "s" => number.checked_mul(1000),
        "m" => number.checked_mul(60_000),
        _ => return Err(format!("unknown unit `{unit}`; use ms, s or m")),
    };
    milliseconds
        .filter(|milliseconds| (1..=86_400_000).contains(milliseconds))
        .map(Duration::from_millis)
        .ok_or_else(|| "must be from 1 ms to 24 h".to_owned())
}

/// Reads a longer time as `90s`, `15m`, `24h` or `30d`.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number
        .parse()
        .map_err(|_| "expected a number and a unit".to_owned())?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return Err(format!("unknown unit `{unit}`; use s, m, h or d")),
    };
    number
        .checked_mul(unit)
        .filter(|seconds| *seconds <= 30 * 24 * 60 * 60)
        .map(Duration::from_secs)
        .ok_or_else(|| "must be 30d at most".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_units() {
        for (text, milliseconds) in [
            ("30s", 30_000),
            ("500ms", 500),
            ("2m", 120_000),
            ("60000", 60_000),
        ] {
            assert_eq!(parse(text).unwrap().as_millis(), milliseconds, "{text}");
        }
        for (text, seconds) in [("0s", 0), ("15m", 900), ("24h", 86_400), ("30d", 2_592_000)] {
            assert_eq!(span(text).unwrap().as_secs(), seconds, "{text}");
        }
        for text in ["", "d", "5", "1w", "31d", "-1s", "99999999999999999d"] {
            assert!(span(text).is_err(), "{text}");
        }
        for text in ["", "s", "0", "1h", "-1s", "99999999999999999999s", "25000m"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
