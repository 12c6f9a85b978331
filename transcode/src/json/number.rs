//! Numbers as text: their grammar, and integers without rounding.

/// Returns how many bytes at the start of a text are a number of JSON.
///
/// ```text
/// number = [ "-" ] ( "0" | digit1-9 { digit } ) [ "." digit { digit } ]
///          [ ( "e" | "E" ) [ "+" | "-" ] digit { digit } ]
/// ```
pub(super) fn grammar(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let digits = |from: usize| {
        let rest = bytes.get(from..).unwrap_or_default();
        rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let mut at = usize::from(bytes.first() == Some(&b'-'));
    at += match bytes.get(at)? {
        b'0' => 1,
        b'1'..=b'9' => digits(at),
        _ => return None,
    };
    if bytes.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        if fraction == 0 {
            return None;
        }
        at += 1 + fraction;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at + 1 + sign);
        if exponent == 0 {
            return None;
        }
        at += 1 + sign + exponent;
    }
    Some(at)
}

/// Whether a text is a number of JSON and nothing else.
pub(super) fn is_number(text: &str) -> bool {
    grammar(text) == Some(text.len())
}

/// Returns the integer that a number of JSON stands for, such as 100000 for
/// `1e5`, if it is one and fits.
pub(super) fn integer(text: &str) -> Option<i128> {
    if !is_number(text) {
        return None;
    }
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()),
        None => (text, Some(0)),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    let digits = format!("{whole}{fraction}");
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        // Zero, whatever the exponent.
        return Some(0);
    }
    let significant = digits.trim_end_matches('0');
    // Power of ten that the significant digits are multiplied with.
    let scale = exponent?
        .checked_sub(i32::try_from(fraction.len()).ok()?)?
        .checked_add(i32::try_from(digits.len() - significant.len()).ok()?)?;
    // No integer type of protobuf has more than 20 digits.
    if scale > 20 || significant.len() > 20 {
        return None;
    }
    let scale = u32::try_from(scale).ok()?;
    let value = significant
        .parse::<i128>()
        .ok()?
        .checked_mul(10_i128.checked_pow(scale)?)?;
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_may_be_written_as_floats() {
        for (text, expected) in [
            ("0", 0),
            ("-0", 0),
            ("0e999999999999", 0),
            ("1e5", 100_000),
            ("1E+5", 100_000),
            ("1.0", 1),
            ("100000.000", 100_000),
            ("1.5e1", 15),
            ("10e-1", 1),
            ("-2147483648", -2_147_483_648),
            ("18446744073709551615", 18_446_744_073_709_551_615),
            ("0.00001e5", 1),
        ] {
            assert_eq!(integer(text), Some(expected), "{text}");
        }
        for text in [
            "1.5",
            "1e-1",
            "",
            "-",
            "+1",
            "01",
            "1.",
            ".5",
            "1e",
            "0x10",
            " 1",
            "1 ",
            "1e400",
            "1e99999999999",
            "1e-99999999999",
            "NaN",
        ] {
            assert_eq!(integer(text), None, "{text}");
        }
    }

    #[test]
    fn the_grammar_takes_what_it_can() {
        assert_eq!(grammar("12.5e-3,"), Some(7));
        assert_eq!(grammar("-x"), None);
        assert!(is_number("-0.0"));
        assert!(!is_number("1a"));
    }
}
