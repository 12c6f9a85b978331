//! How long a call may take, in the two spellings callers use.

use std::time::Duration;

/// Longest time that is understood: what does not fit is as good as no bound.
const MAX: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Reads gRPC's own form: 1 to 8 digits and one of `H`, `M`, `S`, `m`, `u`, `n`.
///
/// *Source*: gRPC over HTTP/2, "Timeout".
#[must_use]
pub fn parse_grpc(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let valid = (1..=8).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    let number: u64 = valid.then(|| digits.parse().ok())??;
    let time = match unit {
        "H" => Duration::from_secs(number * 3600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    };
    Some(time.min(MAX))
}

/// Reads a decimal number of seconds or milliseconds, such as `1.5s` or `250ms`;
/// a bare number counts seconds.
#[must_use]
pub fn parse_http(text: &str) -> Option<Duration> {
    let (number, seconds) = if let Some(number) = text.strip_suffix("ms") {
        (number, 0.001)
    } else {
        (text.strip_suffix('s').unwrap_or(text), 1.0)
    };
    let plain = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let number: f64 = plain.then(|| number.parse().ok())??;
    Duration::try_from_secs_f64(number * seconds)
        .ok()
        .map(|time| time.min(MAX))
}

/// Writes a time in gRPC's form, rounded down to what its eight digits can hold.
#[must_use]
pub fn format_grpc(time: Duration) -> String {
    const LIMIT: u128 = 100_000_000;
    for (count, unit) in [
        (time.as_nanos(), 'n'),
        (time.as_micros(), 'u'),
        (time.as_millis(), 'm'),
    ] {
        if count < LIMIT {
            return format!("{count}{unit}");
        }
    }
    format!("{}S", time.as_secs().min(99_999_999))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l2_grpc_times_are_read_and_written() {
        for (text, milliseconds) in [
            ("1S", 1000),
            ("250m", 250),
            ("2M", 120_000),
            ("1H", 3_600_000),
        ] {
            assert_eq!(
                parse_grpc(text).unwrap().as_millis(),
                milliseconds,
                "{text}"
            );
        }
        for text in ["", "S", "1", "123456789S", "-1S", "1s", "1.5S", " 1S", "1ä"] {
            assert_eq!(parse_grpc(text), None, "{text}");
        }
        for time in [
            Duration::ZERO,
            Duration::from_nanos(7),
            Duration::from_secs(15),
            MAX,
        ] {
            let read = parse_grpc(&format_grpc(time)).unwrap();
            assert!(read <= time, "{time:?}");
        }
        assert_eq!(format_grpc(Duration::from_secs(15)), "15000000u");
    }

    #[test]
    fn l2_http_times_are_decimal() {
        for (text, milliseconds) in [("1.5s", 1500), ("250ms", 250), ("2", 2000)] {
            assert_eq!(
                parse_http(text).unwrap().as_millis(),
                milliseconds,
                "{text}"
            );
        }
        for text in ["", "s", "-1s", "1e3", "1h", "inf", "NaN", "1.2.3", "."] {
            assert_eq!(parse_http(text), None, "{text}");
        }
    }
}
